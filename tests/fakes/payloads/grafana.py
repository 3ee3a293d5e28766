"""https://grafana.com/docs/grafana/latest/alerting/ (webhook notifier), and what came before it."""

from typing import Any

from tests.fakes.payloads.sent import Sent, without_blanks

OPEN = "0001-01-01T00:00:00Z"
STARTED, ENDED = "2026-03-01T13:50:00.157076+02:00", "2026-03-01T13:58:00+02:00"


def alert(**fields: Any) -> dict[str, Any]:
    usual = {
        "status": "firing",
        "labels": {"alertname": "High memory", "grafana_folder": "Shop", "severity": "warning"},
        "annotations": {"summary": "zone us-1", "description": "The system has high memory usage"},
        "startsAt": STARTED,
        "endsAt": OPEN,
        "generatorURL": "https://grafana.example/alerting/1afz29v7z/edit",
        "fingerprint": "c6eadffa33fcdf37",
        "silenceURL": "https://grafana.example/alerting/silence/new",
        "dashboardURL": "",
        "panelURL": "",
        "imageURL": "",
        "values": {"B": 44.23, "C": 1},
    }
    return without_blanks(usual | fields)


def body(*alerts: Any, **fields: Any) -> dict[str, Any]:
    usual = {
        "receiver": "airra",
        "status": "firing",
        "orgId": 1,
        "alerts": list(alerts) or [alert()],
        "groupLabels": {},
        "commonLabels": {"grafana_folder": "Shop"},
        "commonAnnotations": {},
        "externalURL": "https://grafana.example/",
        "version": "1",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
        "title": "[FIRING:1]",
        "state": "alerting",
        "message": "**Firing**",
    }
    return without_blanks(usual | fields)


def firing(**fields: Any) -> Sent:
    return Sent(body(alert(**fields)))


def resolved() -> Sent:
    return Sent(body(alert(status="resolved", endsAt=ENDED), status="resolved", state="ok"))


def about_the_source(name: str = "DatasourceNoData", **fields: Any) -> Sent:
    labels = {"alertname": name, "rulename": "High memory", "datasource_uid": "p1", "ref_id": "A"}
    return firing(labels=labels, fingerprint="0d0d0d0d0d0d0d0d", **fields)


def tested() -> Sent:
    """What the button "Test" of a contact point sends."""
    labels = {"alertname": "TestAlert", "instance": "Grafana"}
    told = {"summary": "Notification test"}
    sample = alert(labels=labels, annotations=told, fingerprint="57c6d9296de2ad39", generatorURL="")
    return Sent(body(sample, title="[FIRING:1]  (TestAlert Grafana)"))


def titled(text: str) -> Sent:
    return firing(labels={"alertname": text})


def severe(word: str) -> Sent:
    return firing(labels={"alertname": "High memory", "severity": word})


def legacy(**fields: Any) -> Sent:
    usual = {
        "dashboardId": 1,
        "evalMatches": [{"value": 1, "metric": "Count", "tags": {}}],
        "imageUrl": "https://grafana.example/assets/img.png",
        "message": "Notification Message",
        "orgId": 1,
        "panelId": 2,
        "ruleId": 17,
        "ruleName": "Panel Title alert",
        "ruleUrl": "https://grafana.example/d/hZ7BuVbWz/dashboard?tab=alert",
        "state": "alerting",
        "tags": {"service": "checkout"},
        "title": "[Alerting] Panel Title alert",
    }
    return Sent(without_blanks(usual | fields))
