"""The watch: which detectors are due, what one run finds, and what it writes down.

The row is the schedule. A scan claims a due detector by moving `next_run_at` on and leasing it, so
that two scans never start it twice, a missed one is caught up, and a killed worker's lease ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from analysis.commands import correlation, topology
from analysis.connectors.base import ConnectorError
from analysis.models import Anomaly, Connector, Detector
from analysis.perception import scan as first_pass
from analysis.perception.scan import DetectorSettings
from analysis.queries.sources import open_metrics
from analysis.types import AnomalyFinding, Series
from incidents.commands.service import ensure
from incidents.models import Workspace

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=60)
_JITTER = 0.1  # of the interval: a beat that ticks a little early must not skip a turn
_GONE = timedelta(minutes=10)  # without data: the instance is no more, and neither is its anomaly
_NEW_NORMAL = timedelta(hours=1)  # out of its old band that long, and steady: the norm has changed
_MAX_KEY = 300


def settings_of(detector: Detector) -> DetectorSettings:
    """The settings of a row as the engine takes them."""
    return DetectorSettings(
        method=detector.method,
        direction=detector.direction,
        sensitivity=detector.sensitivity,
        floor=detector.floor,
        persistence=detector.persistence,
    )


def fetch(detector: Detector, *, now: datetime) -> list[Series]:
    """The detector's window up to `now`, on its grid. Raises `ConnectorError`."""
    step = detector.step_s
    end = now.timestamp() // step * step
    start = end - detector.window_s // step * step
    source = open_metrics(detector.connector)
    return source.query_range(detector.query, start=start, end=end, step_s=step)


def due_detectors(now: datetime) -> QuerySet[Detector]:
    """Switched on, their time has come, and nobody is at work on them."""
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return Detector.objects.filter(
        is_free,
        is_enabled=True,
        connector__is_enabled=True,
        next_run_at__lte=now,
        rule=Detector.Rule.ADAPTIVE,  # the one rule that `run` knows how to look by
    )


def scan() -> int:
    """Claim every due detector and wake a job for each; returns how many. Called by beat."""
    now = clock.now()
    claimed = 0
    with transaction.atomic():
        for detector in due_detectors(now):
            step = timedelta(seconds=detector.interval_s * (1 - _JITTER))
            try:
                compare_and_set(
                    detector,
                    "next_run_at",
                    expect=detector.next_run_at,
                    to=now + step,
                    lease_until=now + LEASE,
                )
            except Conflict:
                continue
            enqueue(Job.RUN_DETECTOR, detector_id=str(detector.pk))
            claimed += 1
    topology.wake_where_stale()
    return claimed


def run(*, detector_id: str) -> None:
    """One look through a detector: query, judge, store. Safe to repeat; errors go on the row."""
    detector = (
        Detector.objects.filter(pk=detector_id, is_enabled=True)
        .select_related("connector", "workspace")
        .first()
    )
    if detector is None:
        return
    now = clock.now()
    try:
        with metrics.DETECTOR_SECONDS.time():
            found = fetch(detector, now=now)
            _store(detector, found, now=now)
    except ConnectorError as error:
        log.warning("detector_failed", detector=detector.name, error=str(error))
        _finish(detector, now=now, error=str(error))
    else:
        _finish(detector, now=now, series=len(found))
    correlation.correlate_open(workspace=detector.workspace)


def sweep() -> None:
    """Correlate what a killed worker left lying. Due detectors need no sweep: the scan is one."""
    waiting = Detector.objects.filter(
        anomalies__ended_at__isnull=True, anomalies__incident__isnull=True, opens_incident=True
    )
    for workspace in Workspace.objects.filter(pk__in=waiting.values("workspace")):
        correlation.correlate_open(workspace=workspace)


def _finish(detector: Detector, *, now: datetime, series: int = 0, error: str = "") -> None:
    """Release the lease and note how it went, on the detector and on its source."""
    Detector.objects.filter(pk=detector.pk).update(
        lease_until=None, last_run_at=now, last_error=error, last_series_count=series
    )
    outcome = {"last_error": error, "last_error_at": now} if error else {"last_ok_at": now}
    Connector.objects.filter(pk=detector.connector_id).update(**outcome)
    metrics.DETECTOR_RUNS.labels(outcome="error" if error else "ok").inc()


def _store(detector: Detector, found: Sequence[Series], *, now: datetime) -> None:
    """Bring the anomalies of this detector up to date with what its query answered."""
    by_key = {series.key[:_MAX_KEY]: series for series in found}
    known = {a.series_key: a for a in detector.anomalies.filter(ended_at__isnull=True)}
    fresh = _without_past_trouble(
        detector, {key: series for key, series in by_key.items() if key not in known}
    )
    settings = settings_of(detector)
    findings = first_pass.scan(fresh, settings)
    with transaction.atomic():
        for key, anomaly in known.items():
            _follow(anomaly, by_key.get(key), settings, now=now)
        for finding in findings:
            _open(detector, finding)


def _without_past_trouble(detector: Detector, series: Mapping[str, Series]) -> list[Series]:
    """The series with the stretches of ended anomalies blanked out.

    What was trouble is not history to learn from: the way back to normal would look unusual.
    """
    if not series:
        return []
    start = datetime.fromtimestamp(min(float(s.times[0]) for s in series.values()), UTC)
    blanked = {key: s.values.copy() for key, s in series.items()}
    for past in detector.anomalies.filter(ended_at__gte=start, series_key__in=list(series)):
        times, end = series[past.series_key].times, past.ended_at or past.last_at
        is_past = (times >= past.started_at.timestamp()) & (times < end.timestamp())
        blanked[past.series_key][is_past] = np.nan
    return [replace(s, values=blanked[key]) for key, s in series.items()]


def _open(detector: Detector, finding: AnomalyFinding) -> None:
    labels = dict(finding.series.labels)
    name = labels.get(detector.service_label, "")
    service = ensure(workspace=detector.workspace, name=name) if name else None
    try:
        with transaction.atomic():
            Anomaly.objects.create(
                detector=detector,
                service=service,
                series_key=finding.series.key[:_MAX_KEY],
                labels=labels,
                started_at=datetime.fromtimestamp(finding.started_at, UTC),
                last_at=datetime.fromtimestamp(finding.last_at, UTC),
                direction=finding.direction,
                value=finding.value,
                expected=finding.expected,
                low=finding.low,
                high=finding.high,
                score=finding.score,
            )
    except IntegrityError:
        # Another run of the same detector, woken twice, stored it first.
        return
    metrics.ANOMALIES.labels(signal=detector.signal).inc()


def _follow(
    anomaly: Anomaly, series: Series | None, settings: DetectorSettings, *, now: datetime
) -> None:
    """Extend an open anomaly against the band it left, or end it."""
    there = np.flatnonzero(np.isfinite(series.values)) if series else np.array([], dtype=np.intp)
    if series is None or not len(there):
        if now - anomaly.last_at > _GONE:
            Anomaly.objects.filter(pk=anomaly.pk).update(ended_at=anomaly.last_at)
        return
    newest_at = datetime.fromtimestamp(float(series.times[there[-1]]), UTC)
    is_down = anomaly.direction == first_pass.Direction.DOWN
    has_recovered = first_pass.has_recovered(
        series,
        edge=anomaly.low if is_down else anomaly.high,
        direction=anomaly.direction,
        persistence=settings.persistence,
    )
    if has_recovered or _is_new_normal(anomaly, series, settings, newest_at):
        Anomaly.objects.filter(pk=anomaly.pk).update(ended_at=max(newest_at, anomaly.started_at))
        return
    value = float(series.values[there[-1]])
    half = max(abs((anomaly.low if is_down else anomaly.high) - anomaly.expected), 1e-12)
    score = settings.sensitivity * abs(value - anomaly.expected) / half
    Anomaly.objects.filter(pk=anomaly.pk).update(
        last_at=newest_at, value=value, score=max(anomaly.score, score)
    )


def _is_new_normal(
    anomaly: Anomaly, series: Series, settings: DetectorSettings, newest_at: datetime
) -> bool:
    if newest_at - anomaly.started_at < _NEW_NORMAL:
        return False
    return not first_pass.scan([series], settings)
