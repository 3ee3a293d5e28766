"""The timeline of one incident, newest first, in the shape the page needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from incidents.models import Incident, TimelineEvent

Kind = TimelineEvent.Kind

# Icon and tone of each kind; the sentence carries the meaning, the line is decoration.
LOOK: dict[str, tuple[str, str]] = {
    Kind.OPENED: ("siren", "tone-red"),
    Kind.ALERT: ("bell", "tone-red"),
    Kind.ANOMALY: ("radar", "tone-red"),
    Kind.CHANGE: ("git-commit-horizontal", ""),
    Kind.ACKNOWLEDGED: ("user-check", "tone-blue"),
    Kind.ASSIGNED: ("user", "tone-blue"),
    Kind.STATE: ("arrow-right", ""),
    Kind.SEVERITY: ("trending-up", "tone-red"),
    Kind.ATTRIBUTED: ("network", "tone-violet"),
    Kind.ANALYSIS: ("search", "tone-violet"),
    Kind.HYPOTHESES: ("flask-conical", "tone-violet"),
    Kind.VERDICT: ("user-check", "tone-blue"),
    Kind.PLAN: ("file-diff", "tone-violet"),
    Kind.APPROVAL: ("hourglass", "tone-amber"),
    Kind.EXECUTION: ("zap", "tone-amber"),
    Kind.VERIFICATION: ("gauge", "tone-green"),
    Kind.RESOLVED: ("circle-check", "tone-green"),
    Kind.REOPENED: ("rotate-ccw", "tone-red"),
    Kind.NOTE: ("message-square", "tone-blue"),
    Kind.PROBLEM: ("triangle-alert", "tone-red"),
}


@dataclass(frozen=True)
class TimelineRow:
    id: int
    kind: str
    icon: str
    tone: str
    actor: str
    is_machine: bool
    text: str
    at: datetime
    learnt_later_at: datetime | None  # when it was recorded, if well after it happened
    is_note: bool
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: TimelineEvent) -> "TimelineRow":
        icon, tone = LOOK.get(event.kind, ("circle", ""))
        was_late = (event.recorded_at - event.at).total_seconds() > 60
        return cls(
            id=event.pk,
            kind=event.kind,
            icon=icon,
            tone=tone,
            actor=event.actor,
            is_machine=event.author_id is None,
            text=event.text,
            at=event.at,
            learnt_later_at=event.recorded_at if was_late else None,
            is_note=event.kind == Kind.NOTE,
            payload=event.payload,
        )


def events_for(incident: Incident, *, limit: int = 100) -> list[TimelineRow]:
    """The newest events by when they happened; a change learnt later stands where it belongs."""
    found = incident.events.order_by("-at", "-id")[:limit]
    return [TimelineRow.of(event) for event in found]
