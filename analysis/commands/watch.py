"""The watch: which detectors are due, who looks through them, and how a source fares.

The row is the schedule. A scan claims a due detector by moving `next_run_at` on and leasing it, so
that two scans never start it twice, a missed one is caught up, and a killed worker's lease ends.
Due detectors of one source go to the workers in small shards: a slow source holds up one worker
for one answer, and while it is dead it is only knocked at, less and less often.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from analysis.commands import anomaly, correlation, forecast, look, source_health, topology
from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector, Detector
from incidents.models import Workspace

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
SHARD = 4  # detectors of one source that one worker looks through, one after the other
_JITTER = 0.1  # of the interval: a beat that ticks a little early must not skip a turn
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 15.0, 300.0
# What says that the source is out of reach, rather than that one query of it is wrong.
_OF_THE_SOURCE = frozenset(
    {Problem.UNREACHABLE, Problem.TIMEOUT, Problem.UNAVAILABLE, Problem.DENIED}
)


def due_detectors(now: datetime) -> QuerySet[Detector]:
    """Switched on, their time has come, nobody is at work on them, their source may be asked."""
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    may_be_asked = Q(connector__next_try_at__isnull=True) | Q(connector__next_try_at__lte=now)
    return Detector.objects.filter(
        is_free, may_be_asked, is_enabled=True, connector__is_enabled=True, next_run_at__lte=now
    )


def scan() -> int:
    """Claim every due detector and wake jobs for them; returns how many. Called by beat."""
    now = clock.now()
    claimed: dict[UUID, list[Detector]] = defaultdict(list)
    with transaction.atomic():
        for detector in due_detectors(now).select_related("connector").order_by("next_run_at"):
            own = claimed[detector.connector_id]
            if detector.connector.failing_since and own:
                continue  # one of its detectors knocks for all
            if _claim(detector, now):
                own.append(detector)
        for own in claimed.values():
            for first in range(0, len(own), SHARD):
                ids = ",".join(str(d.pk) for d in own[first : first + SHARD])
                enqueue(Job.WATCH, detector_ids=ids, claimed_at=now.isoformat())
    topology.wake_where_stale()
    return sum(len(own) for own in claimed.values())


def _claim(detector: Detector, now: datetime) -> bool:
    try:
        compare_and_set(
            detector,
            "next_run_at",
            expect=detector.next_run_at,
            to=now + timedelta(seconds=detector.interval_s * (1 - _JITTER)),
            claimed_at=now,
            lease_until=now + LEASE,
        )
    except Conflict:
        return False
    return True


def run(*, detector_ids: Sequence[str], claimed_at: datetime) -> None:
    """Look through the detectors claimed then. A message that comes twice finds them taken."""
    found = Detector.objects.filter(pk__in=detector_ids, is_enabled=True, claimed_at=claimed_at)
    failed: dict[UUID, ConnectorError] = {}
    workspaces: dict[UUID, Workspace] = {}
    for detector in found.select_related("connector", "workspace").order_by("next_run_at"):
        if not _take(detector):
            continue
        workspaces[detector.workspace_id] = detector.workspace
        problem = failed.get(detector.connector_id) or _look_through(detector)
        if problem is not None and problem.kind in _OF_THE_SOURCE:
            failed[detector.connector_id] = problem
        _release(detector, problem)
    for workspace in workspaces.values():
        correlation.correlate_open(workspace=workspace)


def _take(detector: Detector) -> bool:
    """Renew the lease as one's own: of two runs of one claim only the first gets it."""
    stamp = detector.lease_until
    if stamp is None or stamp < clock.now():
        return False
    try:
        compare_and_set(detector, "lease_until", expect=stamp, to=clock.now() + 2 * LEASE)
    except Conflict:
        return False
    return True


def _look_through(detector: Detector) -> ConnectorError | None:
    """One look: ask, judge, store. Returns what kept it from doing so."""
    now = clock.now()
    connector = detector.connector
    try:
        with metrics.DETECTOR_SECONDS.time():
            known = anomaly.open_of(detector)
            found = look.through(detector, known=known, now=now)
            anomaly.record(detector, found, known=known, now=now)
    except ConnectorError as error:
        log.warning("detector_failed", detector=detector.name, error=str(error))
        if error.kind in _OF_THE_SOURCE:
            _note_failure(connector, error, now)
        return error
    Detector.objects.filter(pk=detector.pk).update(
        newest_at=found.newest_at or F("newest_at"), last_series_count=found.series
    )
    _note_answer(connector, now)
    return None


def _release(detector: Detector, problem: ConnectorError | None) -> None:
    """Give the lease back and note on the row how it went."""
    Detector.objects.filter(pk=detector.pk).update(
        lease_until=None, last_run_at=clock.now(), last_error=str(problem or "")
    )
    metrics.DETECTOR_RUNS.labels(outcome="error" if problem else "ok").inc()


def _note_answer(connector: Connector, now: datetime) -> None:
    if connector.failing_since is not None or connector.failures:
        log.info("source_answers_again", connector=connector.name)
    Connector.objects.filter(pk=connector.pk).update(
        last_ok_at=now, failing_since=None, failures=0, next_try_at=None
    )
    connector.refresh_from_db()
    source_health.report(connector, now)


def _note_failure(connector: Connector, error: ConnectorError, now: datetime) -> None:
    """Put the next try off, twice as long each time. Two shards failing at once count once."""
    pause_s = min(_FIRST_PAUSE_S * 2**connector.failures, _LONGEST_PAUSE_S)
    Connector.objects.filter(pk=connector.pk, failures=connector.failures).update(
        failures=F("failures") + 1,
        failing_since=connector.failing_since or now,
        next_try_at=now + timedelta(seconds=pause_s),
    )
    Connector.objects.filter(pk=connector.pk).update(last_error=str(error), last_error_at=now)
    connector.refresh_from_db()
    source_health.report(connector, now)


def sweep() -> None:
    """Correlate what a killed worker left lying, settle forecasts whose time is up.

    Due detectors need no sweep: the scan is one.
    """
    forecast.settle_due(clock.now())
    waiting = Detector.objects.filter(
        anomalies__ended_at__isnull=True, anomalies__incident__isnull=True, opens_incident=True
    )
    for workspace in Workspace.objects.filter(pk__in=waiting.values("workspace")):
        correlation.correlate_open(workspace=workspace)
