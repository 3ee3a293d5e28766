"""The story of an incident, as people read it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from incidents.commands import audit
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require


def display_name(user: User) -> str:
    return user.get_full_name() or user.get_username()


def record(
    incident: Incident,
    kind: str,
    text: str,
    *,
    by: User | None = None,
    actor: str = "AIRRA",
    at: datetime | None = None,
    payload: Mapping[str, Any] | None = None,
) -> TimelineEvent:
    """Add one row. `at` is when it happened, which may be before we learnt of it."""
    return TimelineEvent.objects.create(
        incident=incident,
        kind=kind,
        text=text,
        author=by,
        actor=display_name(by) if by else actor,
        at=at or clock.now(),
        payload=dict(payload or {}),
    )


@transaction.atomic
def add_note(*, incident: Incident, text: str, by: User) -> TimelineEvent:
    """A person's words: guidance for a reader, never evidence. Raises ValueError when empty."""
    require(by, Permission.RESPOND, incident.workspace)
    if not text.strip():
        msg = "a note needs some text"
        raise ValueError(msg)
    event = record(incident, TimelineEvent.Kind.NOTE, text.strip(), by=by)
    audit.record("incident.noted", target=incident, by=by, after={"event": event.pk})
    return event
