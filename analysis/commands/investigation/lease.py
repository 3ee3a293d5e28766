"""Who runs an investigation: one worker at a time, for as long as it keeps its lease."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Q

from airra.lib import clock
from airra.lib.db import Conflict
from analysis.models import Investigation

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5


def claim(investigation: Investigation) -> bool:
    """Take it up, unless somebody holds it."""
    now = clock.now()
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    claimed = Investigation.objects.filter(
        is_free, pk=investigation.pk, state__in=Investigation.LIVE, attempts__lt=MAX_ATTEMPTS
    ).update(
        state=Investigation.State.RUNNING,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        started_at=now,
        stage="Starting",
    )
    if claimed:
        investigation.refresh_from_db()
    return claimed == 1


def still_ours(investigation: Investigation, **fields: Any) -> None:
    """Renew the lease with `fields`. Raises `Conflict` when another attempt has taken over."""
    kept = Investigation.objects.filter(
        pk=investigation.pk, state=Investigation.State.RUNNING, attempts=investigation.attempts
    ).update(lease_until=clock.now() + LEASE, **fields)
    if kept != 1:
        raise Conflict(investigation, "attempts", investigation.attempts)
