"""Finds what should have moved: lost messages, dead workers, incidents that wait their turn."""

from datetime import datetime, timedelta

from django.db.models import Q

from airra.lib import clock, metrics
from airra.lib.jobs import Job, enqueue
from analysis.commands.investigation.lease import MAX_ATTEMPTS
from analysis.commands.investigation.settle import give_up
from analysis.commands.investigation.stop import end_cancelled
from analysis.models import Investigation
from analysis.queries.companions import uninvestigated

_GRACE = timedelta(seconds=10)  # the first message gets this long before it counts as lost
_AT_ONCE = 50  # waiting incidents asked about in one sweep


def sweep(now: datetime | None = None) -> None:
    """Wake what was lost, and give up on what fails again and again."""
    now = now or clock.now()
    late = now - _GRACE
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    waiting = Investigation.objects.filter(is_free, state__in=Investigation.LIVE)
    for investigation in waiting.filter(created_at__lte=late).select_related("incident"):
        if investigation.cancel_requested_at is not None:
            end_cancelled(investigation)
        elif investigation.attempts >= MAX_ATTEMPTS:
            give_up(investigation)
        else:
            enqueue(Job.INVESTIGATE, incident_id=str(investigation.incident_id))
    for pk in uninvestigated(late, limit=_AT_ONCE):
        enqueue(Job.INVESTIGATE, incident_id=str(pk))
    metrics.HEARTBEAT.labels(app="analysis").set(now.timestamp())
