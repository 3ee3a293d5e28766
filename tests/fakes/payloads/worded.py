"""One alert's life in every vendor's words: where it stood, minute by minute, as deliveries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.fakes.payloads import (
    alertmanager,
    cloudevents,
    cloudwatch,
    datadog,
    own,
    pagerduty,
    sentry,
)
from tests.fakes.payloads.sent import Sent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOTH, ALL = ("firing", "resolved"), ("firing", "acknowledged", "suppressed", "no_data", "resolved")
PRIORITIES = ("P1", "P2", "P3")


@dataclass(frozen=True)
class Stood:
    """Where it stood from a minute on, and how severe that was (0 is worst)."""

    state: str
    minute: int
    weight: int = 0
    was: str = ""  # where it stood before; nothing before the first word
    began: int = 0  # the minute its episode began

    @property
    def at(self) -> datetime:
        return NOON + timedelta(minutes=self.minute)

    @property
    def iso(self) -> str:
        return self.at.isoformat().replace("+00:00", "Z")


def life(states: Sequence[tuple[str, int]]) -> list[Stood]:
    """What each word needs to know of those before it; two minutes lie between them."""
    found: list[Stood] = []
    for number, (state, weight) in enumerate(states):
        was = found[-1].state if found else ""
        is_new = was in ("", "resolved")
        began = 2 * number if is_new and state != "resolved" else (found[-1].began if found else 0)
        found.append(Stood(state, 2 * number, weight, was, began))
    return found


def _pagerduty(stood: Stood) -> Sent:
    priority = pagerduty.reference("priority", "P", PRIORITIES[stood.weight])
    given = {"created_at": NOON.isoformat(), "priority": priority}
    if stood.state != "firing":
        return pagerduty.webhook(f"incident.{stood.state}", stood.iso, **given)
    kinds = {"": "triggered", "resolved": "reopened", "acknowledged": "unacknowledged"}
    kind = kinds.get(stood.was, "escalated")
    if kind == "triggered":
        given["created_at"] = stood.iso
    return pagerduty.webhook(f"incident.{kind}", stood.iso, status="triggered", **given)


def _sentry(stood: Stood) -> Sent:
    level = ("fatal", "error", "warning")[stood.weight]
    sent_at = int(stood.at.timestamp())
    if stood.state != "firing":
        action = {"suppressed": "archived"}.get(stood.state, stood.state)
        return sentry.issue(action, sent_at=sent_at, level=level)
    if stood.was == "":
        return sentry.issue("created", sent_at=sent_at, level=level, firstSeen=stood.iso)
    if stood.was == "firing":
        return sentry.event_alert(datetime=stood.iso, level=level)
    return sentry.issue("unresolved", sent_at=sent_at, level=level)


_ALARM = {"firing": "ALARM", "resolved": "OK", "no_data": "INSUFFICIENT_DATA"}


def _eventbridge(stood: Stood) -> Sent:
    return cloudwatch.event_state(_ALARM[stood.state], stood.iso)


def _sns(stood: Stood) -> Sent:
    return cloudwatch.sns(NewStateValue=_ALARM[stood.state], StateChangeTime=stood.iso)


def _datadog(stood: Stood) -> Sent:
    words = {"resolved": "Recovered", "no_data": "No Data", "firing": "Triggered"}
    word = "Re-Triggered" if stood.state == stood.was == "firing" else words[stood.state]
    at = str(int(stood.at.timestamp() * 1000))
    told = {"date": at, "last_updated": at, "alert_priority": PRIORITIES[stood.weight]}
    return datadog.firing(alert_transition=word, **told)


def _cloudevents(stood: Stood) -> Sent:
    level = ("FATAL", "ERROR", "WARN")[stood.weight]
    return cloudevents.structured(stood.state, time=stood.iso, severitytext=level)


def _generic(stood: Stood) -> Sent:
    name, other = ("ends_at", "starts_at") if stood.state == "resolved" else ("starts_at", "url")
    told = {name: stood.iso, other: ...}
    return own.generic(stood.state, severity=PRIORITIES[stood.weight], **told)


def _alertmanager(stood: Stood) -> Sent:
    began = NOON + timedelta(minutes=stood.began)
    if stood.state == "firing":
        return alertmanager.firing(startsAt=began.isoformat())
    return alertmanager.firing(startsAt=began.isoformat(), status="resolved", endsAt=stood.iso)


# By kind: the states its sender has words for, and the delivery that tells one.
WORDED: dict[str, tuple[tuple[str, ...], Callable[[Stood], Sent]]] = {
    "pagerduty": (("firing", "acknowledged", "resolved"), _pagerduty),
    "sentry": (("firing", "suppressed", "resolved"), _sentry),
    "eventbridge": (tuple(_ALARM), _eventbridge),
    "cloudwatch_sns": (tuple(_ALARM), _sns),
    "datadog": (("firing", "no_data", "resolved"), _datadog),
    "cloudevents": (ALL, _cloudevents),
    "generic": (ALL, _generic),
    "alertmanager": (BOTH, _alertmanager),
}
