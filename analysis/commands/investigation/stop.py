"""An investigation that ends without a settlement: an operator stops it, or it is too late."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from analysis.commands.investigation import course, share
from analysis.models import Investigation
from analysis.types import ProgressKind
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require

Kind = TimelineEvent.Kind


@transaction.atomic
def cancel(*, investigation: Investigation, by: User) -> Investigation:
    """Ask it to stop; what was gathered stays. Raises `Conflict` when it is over already.

    Whoever runs it stops before the next step. When nobody does, it is over at once.
    """
    incident = investigation.incident
    require(by, Permission.RESPOND, incident.workspace)
    now = clock.now()
    live = Investigation.objects.filter(pk=investigation.pk, state__in=Investigation.LIVE)
    asked = live.filter(cancel_requested_at__isnull=True).update(
        cancel_requested_at=now, cancelled_by=by
    )
    if not asked:
        raise Conflict(investigation, "state", Investigation.State.RUNNING)
    investigation.refresh_from_db()
    audit.record("investigation.cancelled", target=investigation, by=by)
    timeline.record(incident, Kind.ANALYSIS, "cancelled the investigation", by=by)
    if not _is_held(investigation):
        end_cancelled(investigation)
    return investigation


def _is_held(investigation: Investigation) -> bool:
    lease = investigation.lease_until
    is_running = investigation.state == Investigation.State.RUNNING
    return is_running and lease is not None and lease > clock.now()


@transaction.atomic
def end_cancelled(investigation: Investigation) -> None:
    """Put it to rest. Those it was shared with stay: it was stopped for all of them."""
    investigation.refresh_from_db()
    try:
        _end(investigation, error="cancelled")
    except Conflict:
        return
    course.append(
        investigation,
        ProgressKind.CANCELLED,
        "cancelled; what was gathered stays",
        by=investigation.cancelled_by,
    )
    metrics.INVESTIGATIONS.labels(reasoner=investigation.reasoner, outcome="cancelled").inc()
    incident = investigation.incident
    incident.refresh_from_db()
    if incident.state == State.ANALYSING:
        incidents.move(
            incident=incident,
            to=State.NO_SAFE_ACTION,
            text="leaves it to people: the investigation was cancelled",
        )


def is_too_late(investigation: Investigation) -> bool:
    """Whether its incident has moved on while it waited."""
    state = State(investigation.incident.state)
    return state is not State.ANALYSING and State.ANALYSING not in TRANSITIONS[state]


@transaction.atomic
def withdraw(investigation: Investigation) -> None:
    """Give it up because its incident has moved on; those it was shared with go their own way."""
    now = clock.now()
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    if not Investigation.objects.filter(is_free, pk=investigation.pk).exists():
        return
    word = investigation.incident.state.replace("_", " ")
    reason = f"{investigation.incident.key} is {word}"
    try:
        _end(investigation, error=reason)
    except Conflict:
        return
    course.append(investigation, ProgressKind.CANCELLED, f"not needed any more: {reason}")
    audit.record("investigation.withdrawn", target=investigation, reason=reason)
    share.release_all(investigation, reason)


def _end(investigation: Investigation, *, error: str) -> None:
    if investigation.state not in Investigation.LIVE:
        raise Conflict(investigation, "state", Investigation.State.RUNNING)
    compare_and_set(
        investigation,
        "state",
        expect=investigation.state,
        to=Investigation.State.CANCELLED,
        stage="",
        error=error,
        finished_at=clock.now(),
        lease_until=None,
    )
