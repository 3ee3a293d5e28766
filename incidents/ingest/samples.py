"""A body as each kind of sender would write it, that says it is a test. Pure: nothing is sent.

Fire and end share a `mark`, which is what makes them one alert. No service is named, so that a test
leaves none behind.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

TITLE = "Test alert from AIRRA: nothing is wrong"
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
Fields = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """What the sample should say. `ended` None: it fires."""

    mark: str
    began: datetime
    ended: datetime | None = None
    secret: str = ""  # for the sender whose secret stands in the body
    mapping: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    @property
    def at(self) -> datetime:
        return self.ended or self.began


@dataclass(frozen=True)
class Sample:
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    content_type: str = "application/json"
    channel: str = ""


def sample(kind: str, asked: Asked) -> Sample:
    """The body of one test. Raises `KeyError` for a kind that none can be written for."""
    return _MAKERS[kind](asked)


def _json(body: Fields, **headers: str) -> Sample:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sample(json.dumps(body, indent=2).encode(), named)


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _alertmanager(asked: Asked, *, version: str = "4") -> Sample:
    status = "resolved" if asked.is_over else "firing"
    labels = {"alertname": "AirraTest", "severity": "info", "test": asked.mark}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": {"summary": TITLE},
        "startsAt": _stamp(asked.began),
        "endsAt": _stamp(asked.ended) if asked.ended else "0001-01-01T00:00:00Z",
        "fingerprint": asked.mark[-16:],
    }
    body = {"version": version, "groupKey": asked.mark, "status": status, "alerts": [alert]}
    return _json({**body, "orgId": 1} if version == "1" else body)


def _grafana(asked: Asked) -> Sample:
    return _alertmanager(asked, version="1")


def _datadog(asked: Asked) -> Sample:
    body = {
        "id": f"{asked.mark}-{'end' if asked.is_over else 'start'}",
        "alert_id": "1",
        "alert_cycle_key": asked.mark,
        "alert_title": TITLE,
        "alert_transition": "Recovered" if asked.is_over else "Triggered",
        "alert_type": "info",
        "alert_priority": "P5",
        "date": str(int(asked.began.timestamp() * 1000)),
        "last_updated": str(int(asked.at.timestamp() * 1000)),
        "tags": "airra:test",
    }
    return _json(body)


def _cloudwatch_sns(asked: Asked) -> Sample:
    alarm: Fields = {
        "AlarmName": TITLE,
        "AlarmArn": f"arn:aws:cloudwatch:test:000000000000:alarm:{asked.mark}",
        "NewStateValue": "OK" if asked.is_over else "ALARM",
        "NewStateReason": "AIRRA was asked to send a test.",
        "StateChangeTime": _stamp(asked.at),
        "AlarmTags": {"severity": "info"},
        "Trigger": {"Dimensions": []},
    }
    body = {
        "Type": "Notification",
        "MessageId": f"{asked.mark}-{'end' if asked.is_over else 'start'}",
        "TopicArn": "arn:aws:sns:test:000000000000:airra-test",
        "Message": json.dumps(alarm),
    }
    return Sample(json.dumps(body, indent=2).encode(), content_type="text/plain")


def _eventbridge(asked: Asked) -> Sample:
    state = {"value": "OK" if asked.is_over else "ALARM", "timestamp": _stamp(asked.at)}
    body = {
        "version": "0",
        "id": f"{asked.mark}-{'end' if asked.is_over else 'start'}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "000000000000",
        "region": "test",
        "time": _stamp(asked.at),
        "resources": [f"arn:aws:cloudwatch:test:000000000000:alarm:{asked.mark}"],
        "detail": {"alarmName": TITLE, "state": state, "alarmTags": {"severity": "info"}},
    }
    return _json(body)


def _pagerduty(asked: Asked) -> Sample:
    kind, status = ("resolved", "resolved") if asked.is_over else ("triggered", "triggered")
    data = {
        "id": asked.mark,
        "type": "incident",
        "title": TITLE,
        "status": status,
        "urgency": "low",
        "created_at": _stamp(asked.began),
    }
    event = {
        "id": f"{asked.mark}-{kind}",
        "event_type": f"incident.{kind}",
        "occurred_at": _stamp(asked.at),
        "data": data,
    }
    return _json({"event": event})


def _pagerduty_events(asked: Asked) -> Sample:
    body: Fields = {
        "routing_key": asked.secret,
        "event_action": "resolve" if asked.is_over else "trigger",
        "dedup_key": asked.mark,
        "payload": {
            "summary": TITLE,
            "source": "AIRRA",
            "severity": "info",
            "timestamp": _stamp(asked.at),
        },
    }
    return _json(body)


def _sentry(asked: Asked) -> Sample:
    issue = {
        "id": asked.mark,
        "title": TITLE,
        "level": "info",
        "firstSeen": _stamp(asked.began),
        "lastSeen": _stamp(asked.at),
    }
    action = "resolved" if asked.is_over else "created"
    return _json(
        {"action": action, "data": {"issue": issue}},
        sentry_hook_resource="issue",
        sentry_hook_timestamp=str(int(asked.at.timestamp())),
        request_id=f"{asked.mark}-{action}",
    )


def _own(asked: Asked) -> Fields:
    ends = asked.mapping.get("resolve_states") or ["resolved"]
    told = {
        "title": TITLE,
        "key": asked.mark,
        "state": str(ends[0]) if asked.is_over else "firing",
        "severity": "info",
        "starts_at": _stamp(asked.began),
    }
    return {**told, "ends_at": _stamp(asked.ended)} if asked.ended else told


def _generic(asked: Asked) -> Sample:
    """Each field where the mapping looks for it, as far as that is a plain path."""
    alert: Fields = {}
    for name, value in _own(asked).items():
        _put(alert, str(asked.mapping.get(name) or name), value)
    body: Fields = {}
    if asked.mapping.get("items"):
        _put(body, str(asked.mapping["items"]), [alert])
    return _json(body or alert)


def _put(body: Fields, path: str, value: Any) -> None:
    steps = path.split(".") if _PLAIN.fullmatch(path) else []
    at: Any = body
    for step in steps[:-1]:
        at = at.setdefault(step, {}) if isinstance(at, dict) else None
    if steps and isinstance(at, dict):
        at[steps[-1]] = value


def _cloudevents(asked: Asked) -> Sample:
    told = _own(asked)
    data = {"title": TITLE, "dedup_key": asked.mark, "state": told["state"], "severity": "info"}
    body = {
        "specversion": "1.0",
        "id": f"{asked.mark}-{told['state']}",
        "source": "/airra/test",
        "type": "airra.test.alert",
        "time": _stamp(asked.at),
        "data": data,
    }
    return Sample(json.dumps(body, indent=2).encode(), content_type="application/cloudevents+json")


_MAKERS: Mapping[str, Callable[[Asked], Sample]] = {
    "alertmanager": _alertmanager,
    "grafana": _grafana,
    "datadog": _datadog,
    "cloudwatch_sns": _cloudwatch_sns,
    "eventbridge": _eventbridge,
    "pagerduty": _pagerduty,
    "pagerduty_events": _pagerduty_events,
    "sentry": _sentry,
    "cloudevents": _cloudevents,
    "generic": _generic,
}
TESTABLE = frozenset(_MAKERS)
