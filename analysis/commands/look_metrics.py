"""The adaptive look: newest points of many series against what is remembered of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.commands import memory as memories
from analysis.commands import suspects
from analysis.commands.anomaly import MAX_KEY, Look, as_finding
from analysis.commands.memory import Memory
from analysis.models import Anomaly, Detector
from analysis.perception.bank import Readings
from analysis.perception.settings import DetectorSettings
from analysis.queries.sources import open_metrics
from analysis.types import Floats, MetricSource, SignalFinding, Trouble, series_key

_BACK = 3  # newest points that must be good again for an anomaly to be over
_NEW_NORMAL = timedelta(hours=1)  # out of its old band that long, and steady: the norm has changed
_MAX_POINTS = 10_000  # of one series in one answer; Prometheus refuses 11,000
_CATCH_UP = 120  # points; more than that is history, whose length is looked up first
_COARSE = 48  # points of that look-up
_MAX_CELLS = 1_000_000  # series x points of one answer, while history is read


def settings_of(detector: Detector) -> DetectorSettings:
    """The settings of a row as the engine takes them."""
    return DetectorSettings(
        alarms_per_week=detector.alarms_per_week,
        direction=detector.direction,
        floor=detector.floor,
    )


@dataclass(frozen=True)
class _Judged:
    """The newest points of every series, row by row of the memory, and what they amount to."""

    times: Floats
    values: Floats
    readings: Readings


def adaptive(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Ask for what is new since the last look, advance the memory, report what stands out."""
    memory = memories.recall(detector)
    source = open_metrics(detector.connector)
    settings = settings_of(detector)
    judged: _Judged | None = None
    for start, end in _spans(detector, memory, source, now):
        frame = source.query_frame(detector.query, start=start, end=end, step_s=detector.step_s)
        values = memory.meet(frame)
        tolerance = _tolerances(detector, memory)
        readings = memory.bank.advance(frame.times, values, settings, tolerance=tolerance)
        judged = _Judged(frame.times, values, readings)
    memories.keep(detector, memory)
    if judged is None:
        return Look(series=len(memory.labels))
    findings = list(_findings(detector, memory, judged, known))
    fresh = [finding for finding in findings if finding.key[:MAX_KEY] not in known]
    old = [finding for finding in findings if finding.key[:MAX_KEY] in known]
    fresh = suspects.reconsider(detector, fresh, source=source, series=len(memory.labels), now=now)
    series = int((memory.heard >= judged.times[0]).sum())
    return Look([*old, *fresh], series, datetime.fromtimestamp(memory.newest, UTC))


def _spans(
    detector: Detector, memory: Memory, source: MetricSource, now: datetime
) -> Iterator[tuple[float, float]]:
    """The stretches of time to ask for, oldest first, each small enough for one answer."""
    step = float(detector.step_s)
    end = now.timestamp() // step * step
    start, points = memory.newest + step, float(_MAX_POINTS)
    if end - start > _CATCH_UP * step:
        oldest = max(start, end - detector.history_s // step * step)
        begins, series = _history(detector, source, oldest, end)
        start = end - (end - begins) // step * step
        points = max(min(_MAX_POINTS, _MAX_CELLS // max(series, 1)), _CATCH_UP)
    while start <= end:
        stop = min(start + (points - 1) * step, end)
        yield start, stop
        start = stop + step


def _history(
    detector: Detector, source: MetricSource, oldest: float, end: float
) -> tuple[float, int]:
    """Since when the source has anything, looked up coarsely, and of how many series."""
    coarse = max((end - oldest) / _COARSE, float(detector.step_s))
    frame = source.query_frame(detector.query, start=oldest, end=end, step_s=coarse)
    there = np.flatnonzero(np.isfinite(frame.values).any(axis=0))
    if not len(there):
        return end, 0
    return max(float(frame.times[there[0]]) - coarse, oldest), len(frame)


def _tolerances(detector: Detector, memory: Memory) -> Floats:
    """What people taught of each series: how many times the usual distance it must depart."""
    found = np.ones(len(memory.labels))
    for key, tolerance in detector.tunings.values_list("series_key", "tolerance"):
        row = memory.rows.get(key)
        if row is not None:
            found[row] = tolerance
    return found


def _findings(
    detector: Detector, memory: Memory, judged: _Judged, known: Mapping[str, Anomaly]
) -> Iterator[SignalFinding]:
    """News of the series that were flagged since the last look, and of those known to be out."""
    newest = detector.newest_at
    since = newest.timestamp() if newest else judged.times[-1] - detector.interval_s
    flagged = judged.readings.is_flagged & (judged.times > since)
    rows = dict.fromkeys(np.flatnonzero(flagged.any(axis=1)).tolist(), "")
    rows |= {row: key for key in known if (row := _row_of(memory, key)) is not None}
    for row, key in rows.items():
        own = key or series_key(memory.labels[row])[:MAX_KEY]
        anomaly = known.get(own)
        if anomaly is None:
            yield _fresh(detector, memory, judged, row, flagged[row])
        elif np.isfinite(judged.values[row]).any():
            yield _again(anomaly, memory, judged, row)


def _row_of(memory: Memory, key: str) -> int | None:
    """The row of a stored key, which may have been cut to fit."""
    if key in memory.rows or len(key) < MAX_KEY:
        return memory.rows.get(key)
    return next((row for own, row in memory.rows.items() if own.startswith(key)), None)


def _fresh(
    detector: Detector, memory: Memory, judged: _Judged, row: int, flagged: NDArray[np.bool_]
) -> SignalFinding:
    """What was flagged since the last look, at its plainest, with when it began."""
    readings, times = judged.readings, judged.times
    at = int(np.flatnonzero(flagged)[np.argmax(readings.score[row][flagged])])
    low, high = float(readings.low[row, at]), float(readings.high[row, at])
    expected, value = float(readings.expected[row, at]), float(judged.values[row, at])
    labels = memory.labels[row]
    return SignalFinding(
        key=series_key(labels),
        labels=labels,
        service=labels.get(detector.service_label, ""),
        kind=readings.trouble(row, at) or Trouble.LEVEL_SHIFT,
        direction="up" if value >= expected else "down",
        started_at=_onset(memory, judged, row, at),
        last_at=float(times[np.flatnonzero(flagged)[-1]]),
        value=value,
        expected=expected,
        low=low,
        high=high,
        score=float(readings.score[row, at]),
        p_value=float(readings.p_value[row, at]),
    )


def _onset(memory: Memory, judged: _Judged, row: int, at: int) -> float:
    """When the trouble flagged at point `at` began: walked back while the series was away."""
    readings = judged.readings
    expected, half = readings.expected[row, at], readings.high[row, at] - readings.expected[row, at]
    behind = len(judged.times) - 1 - at
    recent = memory.recent[row][: len(memory.recent[row]) - behind]
    sign = 1.0 if judged.values[row, at] >= expected else -1.0
    is_near = np.flatnonzero(~np.isfinite(recent) | (sign * (recent - expected) < half / 4))
    steps = len(recent) - 1 - (int(is_near[-1]) + 1) if len(is_near) else len(recent) - 1
    return float(judged.times[at] - max(steps, 0) * memory.step_s)


def _again(anomaly: Anomaly, memory: Memory, judged: _Judged, row: int) -> SignalFinding:
    """How an open anomaly fares: held against the band it left, until that is the new normal."""
    there = np.flatnonzero(np.isfinite(judged.values[row]))
    value, last_at = float(judged.values[row, there[-1]]), float(judged.times[there[-1]])
    is_over = _has_recovered(anomaly, memory.recent[row]) or _is_new_normal(
        anomaly, judged, row, int(there[-1])
    )
    return replace(
        as_finding(anomaly),
        last_at=last_at,
        value=value,
        score=float(np.nan_to_num(judged.readings.score[row, there[-1]])),
        is_over=is_over,
    )


def _has_recovered(anomaly: Anomaly, recent: Floats) -> bool:
    """Whether the newest points are back on the good side of the band's edge."""
    there = recent[np.isfinite(recent)][-_BACK:]
    is_down = anomaly.direction == Detector.Direction.DOWN
    is_good = there >= anomaly.low if is_down else there <= anomaly.high
    return len(there) == _BACK and bool(is_good.all())


def _is_new_normal(anomaly: Anomaly, judged: _Judged, row: int, newest: int) -> bool:
    """Whether it has lasted for an hour and is what the detector by now expects."""
    age_s = float(judged.times[newest]) - anomaly.started_at.timestamp()
    low, high = judged.readings.low[row, newest], judged.readings.high[row, newest]
    return age_s >= _NEW_NORMAL.total_seconds() and bool(low <= judged.values[row, newest] <= high)
