"""Who runs an investigation: one worker at a time, for as long as it keeps its lease."""

from datetime import timedelta
from typing import Any

from django.db.models import F, Q

from airra.lib import clock
from airra.lib.db import Conflict
from analysis.models import Investigation
from analysis.types import Cancelled

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5


def claim(investigation: Investigation) -> bool:
    """Take it up, unless somebody holds it or an operator has cancelled it."""
    now = clock.now()
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    claimed = Investigation.objects.filter(
        is_free,
        pk=investigation.pk,
        state__in=Investigation.LIVE,
        cancel_requested_at__isnull=True,
        attempts__lt=MAX_ATTEMPTS,
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
    """Renew the lease with `fields`, in one UPDATE.

    Raises `Cancelled` when an operator has stopped it, and `Conflict` when another attempt has
    taken over.
    """
    ours = Investigation.objects.filter(
        pk=investigation.pk, state=Investigation.State.RUNNING, attempts=investigation.attempts
    )
    kept = ours.filter(cancel_requested_at__isnull=True).update(
        lease_until=clock.now() + LEASE, **fields
    )
    if kept == 1:
        return
    if ours.exists():
        raise Cancelled
    raise Conflict(investigation, "attempts", investigation.attempts)


def renew(investigation: Investigation) -> bool:
    """Keep the lease, if it is still this attempt's; also while a cancel waits to be seen."""
    ours = Investigation.objects.filter(
        pk=investigation.pk, state=Investigation.State.RUNNING, attempts=investigation.attempts
    )
    return ours.update(lease_until=clock.now() + LEASE) == 1
