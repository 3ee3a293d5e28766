"""Alertmanager's webhook, version 4.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; the status is read from
each alert, because one batch may hold both; a firing alert's `endsAt` is a guess and not read.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from incidents.ingest.alerts import (
    MAX_DESCRIPTION,
    MAX_KEY,
    MAX_SERVICE,
    MAX_TITLE,
    Batch,
    NewAlert,
)
from incidents.ingest.fields import TIME, Field
from incidents.ingest.severity import severity_of
from incidents.lifecycle import AlertStatus

VERSION = "4"
_SERVICE_LABELS = ("service", "app", "job")


def parse(document: object, *, received_at: datetime) -> Batch:
    """The alerts of one webhook body. Raises `Malformed` with the field that is wrong."""
    body = Field("", document)
    if body["version"].value != VERSION:
        body["version"].refuse(f'"{VERSION}", the version of the Alertmanager webhook')
    alerts = body["alerts"].items()
    if not alerts:
        body["alerts"].refuse("at least one alert")
    return Batch(
        alerts=tuple(_alert(alert, received_at) for alert in alerts),
        left_out=body["truncatedAlerts"].count(),
    )


def _alert(alert: Field, received_at: datetime) -> NewAlert:
    labels = alert["labels"].texts()
    if not labels:
        alert["labels"].refuse("an object with at least one label")
    annotations = alert["annotations"].texts()
    if alert["startsAt"].is_missing:
        alert["startsAt"].refuse(TIME)
    told_at = alert["startsAt"].moment()
    is_resolved = _is_resolved(alert["status"])
    ends_at = alert["endsAt"].moment()
    word = labels.get("severity", "")
    severity, is_mapped = severity_of(word)
    service = next((labels[name] for name in _SERVICE_LABELS if labels.get(name)), "")
    return NewAlert(
        dedup_key=_dedup_key(alert["fingerprint"].text(), labels),
        title=_title(labels, annotations),
        severity=severity,
        severity_word=word,
        is_severity_mapped=is_mapped,
        status=AlertStatus.RESOLVED if is_resolved else AlertStatus.FIRING,
        starts_at=told_at or received_at,
        ends_at=(ends_at or received_at) if is_resolved else None,
        is_start_told=told_at is not None,
        service=service[:MAX_SERVICE],
        description=annotations.get("description", "")[:MAX_DESCRIPTION],
        labels=labels,
        annotations=annotations,
    )


def _is_resolved(status: Field) -> bool:
    if status.value not in ("firing", "resolved"):  # a set would hash it, and a list has no hash
        status.refuse('"firing" or "resolved"')
    return bool(status.value == "resolved")


def _title(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    parts = (labels.get("alertname", ""), annotations.get("summary", ""))
    return (": ".join(part for part in parts if part) or "alert without a name")[:MAX_TITLE]


def _dedup_key(fingerprint: str, labels: Mapping[str, str]) -> str:
    """What the sender calls the alert; without it, or with one too long, its labels' hash."""
    if fingerprint and len(fingerprint) <= MAX_KEY:
        return fingerprint
    return hashlib.sha256(json.dumps(labels, sort_keys=True).encode()).hexdigest()
