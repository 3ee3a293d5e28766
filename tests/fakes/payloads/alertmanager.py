"""https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

GO_ZERO = "0001-01-01T00:00:00Z"
STARTED, ENDED = "2026-03-01T11:50:00Z", "2026-03-01T11:58:00Z"


def alert(**fields: Any) -> dict[str, Any]:
    labels = {"alertname": "HighErrors", "service": "payments", "severity": "critical"}
    usual = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "12 % of calls fail", "description": "since the deploy"},
        "startsAt": STARTED,
        "endsAt": GO_ZERO,
        "generatorURL": "http://prometheus.example/graph?g0.expr=up",
        "fingerprint": "f2a1b0c9d8e7f6a5",
    }
    return without_blanks(usual | fields)


def body(*alerts: Any, **fields: Any) -> dict[str, Any]:
    usual = {
        "version": "4",
        "groupKey": '{}:{alertname="HighErrors"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "airra",
        "groupLabels": {"alertname": "HighErrors"},
        "commonLabels": {"alertname": "HighErrors"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example",
        "alerts": list(alerts) or [alert()],
    }
    return without_blanks(usual | fields)


def firing(**fields: Any) -> Sent:
    return Sent(body(alert(**fields)))


def resolved() -> Sent:
    return Sent(body(alert(status="resolved", endsAt=ENDED), status="resolved"))


def titled(text: str) -> Sent:
    return firing(labels={"alertname": text})


def severe(word: str) -> Sent:
    return firing(labels={"alertname": "HighErrors", "severity": word})
