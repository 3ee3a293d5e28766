"""Grafana's webhook: unified alerting, and the payload of the alerting before it.

https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/

The status is that of each alert; `title`, `state` and `message` of the envelope are deprecated and
not read. DatasourceNoData and DatasourceError say that the *source* of a rule did not answer: that
is no_data, not firing. What the button "Test" of a contact point sends is no alert, for nothing
would ever end it.
"""

from incidents.ingest.alerts import Batch, Message, NewAlert
from incidents.ingest.fields import TIME, Field, document
from incidents.ingest.formats.alertmanager import SERVICE_LABELS, states_told, status_of
from incidents.ingest.formats.draft import Draft, bounded, digest, first, left_out
from incidents.lifecycle import AlertStatus

VERSION = "1"
_ABOUT_THE_SOURCE = ("DatasourceNoData", "DatasourceError")
_TEST = {"alertname": "TestAlert", "instance": "Grafana"}  # fires once, and never ends
_PAGES = ("generatorURL", "panelURL", "dashboardURL")
_LEGACY = {  # of the alerting that Grafana had until version 8
    "alerting": AlertStatus.FIRING,
    "ok": AlertStatus.RESOLVED,
    "no_data": AlertStatus.NO_DATA,
    "pending": AlertStatus.FIRING,
    "paused": AlertStatus.SUPPRESSED,
}


def parse(message: Message) -> Batch:
    """The alerts of one webhook body. Raises `Malformed` with the field that is wrong."""
    body = document(message)
    if not body["evalMatches"].is_missing:
        return Batch((_legacy(body, message),))
    if body["version"].value != VERSION:
        body["version"].refuse(f'"{VERSION}", the version of the webhook of Grafana alerting')
    alerts = bounded(body["alerts"], message)
    if not alerts:
        body["alerts"].refuse("at least one alert")
    alerts = [alert for alert in alerts if alert["labels"].value != _TEST]
    if not alerts:
        return Batch(note="Grafana's test notification: the contact point reaches AIRRA")
    organisation = body["orgId"].word()
    cut = body["truncatedAlerts"].count()
    told = tuple(_alert(alert, organisation, message) for alert in alerts)
    return Batch(told, left_out=cut, note=left_out(cut))


def identity(message: Message) -> str:
    body = document(message)
    if not body["evalMatches"].is_missing:
        return ""  # it holds no time: the same body again may be another episode
    group = (body["groupKey"].text(), body["orgId"].word(), body["truncatedAlerts"].count())
    return states_told(message, body, *group)


def _alert(alert: Field, organisation: str, message: Message) -> NewAlert:
    labels, annotations = alert["labels"].texts(), alert["annotations"].texts()
    if not labels:
        alert["labels"].refuse("an object with at least one label")
    if alert["startsAt"].is_missing:
        alert["startsAt"].refuse(TIME)
    status = status_of(alert["status"])
    name = labels.get("alertname", "")
    if status == AlertStatus.FIRING and name in _ABOUT_THE_SOURCE:
        status = AlertStatus.NO_DATA
    rule = labels.get("rulename", "") or name
    shown = rule if rule == name else f"{name}: {rule}"
    values = {f"value {name}": value for name, value in alert["values"].facts().items()}
    return Draft(
        key=f"{organisation}:{alert['fingerprint'].text() or digest(labels)}",
        title=": ".join(part for part in (shown, annotations.get("summary", "")) if part),
        status=status,
        word=labels.get("severity", ""),
        starts_at=alert["startsAt"].moment(),
        ends_at=alert["endsAt"].moment(),
        service=_service(labels, rule),
        description=annotations.get("description", ""),
        labels=labels,
        annotations=annotations | values,
        url=first(alert[page].text() for page in _PAGES),
        is_restated=True,
    ).alert(message.received_at)


def _service(labels: dict[str, str], rule: str) -> str:
    """A label that names it; else where the rule lives, as folder/rule."""
    named = first(labels.get(name, "") for name in SERVICE_LABELS)
    folder = labels.get("grafana_folder", "")
    return named or (f"{folder}/{rule}" if folder and rule else "")


def _legacy(body: Field, message: Message) -> NewAlert:
    state, rule = body["state"].text(), body["ruleId"].word()
    if state not in _LEGACY:
        body["state"].refuse(f"one of {', '.join(_LEGACY)}")
    if not rule:
        body["ruleId"].refuse("the number of the rule")
    matches = [match["metric"].text() for match in body["evalMatches"].items()]
    tags = body["tags"].words()
    return Draft(
        key=f"{body['orgId'].word()}:rule:{rule}",
        title=body["ruleName"].text() or body["title"].text(),
        status=_LEGACY[state],
        word=tags.get("severity", ""),
        service=first(tags.get(name, "") for name in SERVICE_LABELS),
        description="\n".join(part for part in (body["message"].text(), *matches[:20]) if part),
        labels=tags,
        url=body["ruleUrl"].text(),
    ).alert(message.received_at)
