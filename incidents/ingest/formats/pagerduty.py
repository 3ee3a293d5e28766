"""PagerDuty's webhooks, version 3: what became of an incident there.

https://developer.pagerduty.com/docs/webhooks-overview. An incident there is one alert here. Only
an event that begins an episode tells its start: a reopened incident keeps its first `created_at`.
Deliveries may come in any order; `occurred_at` puts them right. Of events in one moment a
resolution counts after what it ends, and what reopens the incident after that.
"""

from incidents.ingest.alerts import Batch, Message, NewAlert
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import Draft, after, digest
from incidents.lifecycle import AlertStatus, Severity

_STATUS = {
    "triggered": AlertStatus.FIRING,
    "acknowledged": AlertStatus.ACKNOWLEDGED,
    "resolved": AlertStatus.RESOLVED,
}
_TOLD_BY_EVENT = {
    "incident.triggered": AlertStatus.FIRING,
    "incident.reopened": AlertStatus.FIRING,
    "incident.unacknowledged": AlertStatus.FIRING,
    "incident.acknowledged": AlertStatus.ACKNOWLEDGED,
    "incident.resolved": AlertStatus.RESOLVED,
}
_ABOUT_STATE = frozenset(_TOLD_BY_EVENT) | {
    "incident.delegated",
    "incident.escalated",
    "incident.priority_updated",
    "incident.reassigned",
}
_ORDER = {"incident.resolved": 1, "incident.reopened": 2}
_URGENCY = {"high": Severity.HIGH, "low": Severity.LOW}


def parse(message: Message) -> Batch:
    """The incident of one event. Raises `Malformed` with the field that is wrong."""
    event = document(message)["event"]
    kind, data = event["event_type"].text(), event["data"]
    if not kind:
        event["event_type"].refuse("the type of the event")
    if kind not in _ABOUT_STATE and data["type"].text() != "incident":
        return Batch(note=f"{kind}: nothing that changes an alert"[:200])
    return Batch((_incident(event, kind, message),))


def identity(message: Message) -> str:
    told = document(message)["event"]["id"].text()
    return digest("pagerduty", told) if told else ""


def _incident(event: Field, kind: str, message: Message) -> NewAlert:
    data = event["data"]
    key = data["id"].text()
    if not key:
        data["id"].refuse("the id of the incident")
    status = _TOLD_BY_EVENT.get(kind) or _STATUS.get(data["status"].text())
    if status is None:
        data["status"].refuse(f"one of {', '.join(_STATUS)}")
    occurred_at = event["occurred_at"].moment()
    at = after(occurred_at, _ORDER.get(kind, 0))
    starts = {"incident.triggered": data["created_at"].moment(), "incident.reopened": occurred_at}
    priority, urgency = _summary(data["priority"]), data["urgency"].text()
    labels = {
        "incident_key": data["incident_key"].text(),
        "number": data["number"].word(),
        "urgency": urgency,
        "escalation_policy": _summary(data["escalation_policy"]),
    }
    return Draft(
        key=key,
        title=data["title"].text() or data["summary"].text(),
        status=status,
        word=priority or urgency,
        severity=None if priority else _URGENCY.get(urgency.lower()),
        starts_at=starts.get(kind),
        ends_at=occurred_at,
        at=at,
        service=_summary(data["service"]) or _id(data["service"]),
        labels={name: value for name, value in labels.items() if value},
        url=data["html_url"].text(),
    ).alert(message.received_at)


def _summary(reference: Field) -> str:
    return "" if reference.is_missing else reference["summary"].text()


def _id(reference: Field) -> str:
    return "" if reference.is_missing else reference["id"].text()
