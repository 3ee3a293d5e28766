"""Alertmanager's webhook, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; the status is read from
each alert, because one batch may hold both; a firing alert's `endsAt` is a guess and not read.
"""

from collections.abc import Mapping

from incidents.ingest.alerts import Batch, Message, NewAlert
from incidents.ingest.fields import TIME, Field, document
from incidents.ingest.formats.draft import Draft, bounded, digest, first, left_out
from incidents.lifecycle import AlertStatus

VERSION = "4"
SERVICE_LABELS = ("service", "app", "job")
_TOLD = ("fingerprint", "status", "startsAt", "endsAt")


def parse(message: Message) -> Batch:
    """The alerts of one webhook body. Raises `Malformed` with the field that is wrong."""
    body = document(message)
    if body["version"].value != VERSION:
        body["version"].refuse(f'"{VERSION}", the version of the Alertmanager webhook')
    alerts = bounded(body["alerts"], message)
    if not alerts:
        body["alerts"].refuse("at least one alert")
    cut = body["truncatedAlerts"].count()
    told = tuple(_alert(alert, message) for alert in alerts)
    return Batch(told, left_out=cut, note=left_out(cut))


def identity(message: Message) -> str:
    """Group, alerts and where each stands: Alertmanager tells the same again by and by."""
    body = document(message)
    return states_told(message, body, body["groupKey"].text(), body["truncatedAlerts"].count())


def states_told(message: Message, body: Field, *group: object) -> str:
    """The identity of a batch by its alerts' states; empty when one does not say which it is."""
    given = [alert.members() for alert in bounded(body["alerts"], message)]
    told = [[one.get(name) or "" for name in _TOLD] for one in given]
    if not all(isinstance(word, str) for words in told for word in words):
        return ""
    if not all(fingerprint and starts_at for fingerprint, _, starts_at, _ in told):
        return ""
    return digest(*group, sorted(told))


def _alert(alert: Field, message: Message) -> NewAlert:
    labels = alert["labels"].texts()
    if not labels:
        alert["labels"].refuse("an object with at least one label")
    annotations = alert["annotations"].texts()
    if alert["startsAt"].is_missing:
        alert["startsAt"].refuse(TIME)
    return Draft(
        key=alert["fingerprint"].text() or digest(labels),
        title=_title(labels, annotations),
        status=status_of(alert["status"]),
        word=labels.get("severity", ""),
        starts_at=alert["startsAt"].moment(),
        ends_at=alert["endsAt"].moment(),
        service=first(labels.get(name, "") for name in SERVICE_LABELS),
        description=annotations.get("description", ""),
        labels=labels,
        annotations=annotations,
        url=alert["generatorURL"].text(),
        is_restated=True,
    ).alert(message.received_at)


def status_of(status: Field) -> AlertStatus:
    if status.value not in ("firing", "resolved"):  # a set would hash it, and a list has no hash
        status.refuse('"firing" or "resolved"')
    return AlertStatus(status.value)


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    parts = (labels.get("alertname", ""), annotations.get("summary", ""))
    return ": ".join(part for part in parts if part)
