"""A detector replayed over stored history: what it would have flagged, as set and as it might be.

Nothing is written. Every point is judged by what came before it only, after a stretch that is
learnt from and not counted, as a fresh detector would.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from airra.lib import clock
from airra.lib.quantities import span
from analysis.commands.replayed import CANNOT, History, Progress, Replayed, replayed, warm_up_s
from analysis.models import Detector
from analysis.perception import replay
from analysis.queries import verdicts
from analysis.queries.detector_settings import TUNED_BY, lacking
from analysis.queries.sources import open_metrics
from analysis.types import Floats, series_key
from analysis.types.replays import Alarm, Backtest, Outcome, Sketch

WEEK_S = 7 * 86_400.0
SKETCH_POINTS = 700
_ANSWER_POINTS, _ANSWER_CELLS = 10_000, 1_000_000  # of one answer of the source
_FETCHING = 0.2  # of the work
_LEAST_POINTS = 1_000  # of a series: in wider steps than that the past is not the same past
REAL, FALSE = "called real", "called no anomaly"


class CannotReplay(ValueError):
    """It cannot be done as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Limits:
    """What one replay may take: points of a series, and points times series."""

    points: int
    cells: int


PAGE = Limits(points=4_000, cells=400_000)
COMMAND = Limits(points=250_000, cells=5_000_000)


@dataclass(frozen=True)
class Request:
    """What to replay. A variant is settings in place of the stored ones; {} is as stored.

    `is_coarse`: where the points would be too many, wider steps are taken instead of refusing.
    """

    span_s: float
    variants: Sequence[Mapping[str, Any]] = ({},)
    limits: Limits = COMMAND
    is_coarse: bool = False
    is_drawn: bool = False
    progress: Progress = field(default=lambda _: None)


def run(detector: Detector, request: Request) -> Backtest:
    """Replay. Raises `CannotReplay`, or `ConnectorError` when the source cannot be read."""
    if detector.rule in CANNOT:
        raise CannotReplay(CANNOT[detector.rule])
    settings = [_settings(detector, changed) for changed in request.variants]
    history = _fetch(detector, request, max(warm_up_s(detector, each) for each in settings))
    services = {labels.get(detector.service_label, "") for labels in history.labels}
    end = float(history.times[-1])
    known = verdicts.between(detector, history.start, end, services=services)
    work = (1 - _FETCHING) / len(settings)
    outcomes = [
        _outcome(detector, history, known, request, each, (_FETCHING + n * work, work))
        for n, each in enumerate(settings)
    ]
    return Backtest(
        start=history.start,
        end=end,
        step_s=history.step_s,
        warm_up_s=history.start - float(history.times[0]),
        series=history.keys,
        incidents=len(known.confirmed),
        real=sum(one.is_real for one in known.judged),
        false=sum(not one.is_real for one in known.judged),
        outcomes=outcomes,
    )


def _settings(detector: Detector, changed: Mapping[str, Any]) -> dict[str, Any]:
    """All that the rule is set by, as stored or as it is to be tried."""
    given = {name: changed.get(name, getattr(detector, name)) for name in TUNED_BY[detector.rule]}
    for name, problem in lacking(detector.rule, given).items():
        msg = f"{name}: {problem}"
        raise CannotReplay(msg)
    return given


def _fetch(detector: Detector, request: Request, warm_up: float) -> History:
    source = open_metrics(detector.connector)
    end = clock.now().timestamp() // detector.step_s * detector.step_s
    rows = len(source.query(detector.query, at=end))
    if not rows:
        msg = "the query answers no series now: there is nothing to replay"
        raise CannotReplay(msg)
    reach = request.span_s + warm_up
    step = _step(detector, request, reach, rows)
    start = end - math.floor(reach / step) * step
    labels: dict[str, Mapping[str, str]] = {}
    parts = []
    for begins, ends in _parts(start, end, step, rows):
        frame = source.query_frame(detector.query, start=begins, end=ends, step_s=step)
        keys = [series_key(one) for one in frame.labels]
        labels |= dict(zip(keys, frame.labels, strict=True))
        _check_room(len(labels), reach / step, request.limits)
        parts.append((keys, frame.times, frame.values))
        request.progress(_FETCHING * (ends - start) / (end - start))
    row_of = {key: row for row, key in enumerate(labels)}
    values = [_in_rows(row_of, keys, part) for keys, _, part in parts]
    return History(
        labels=list(labels.values()),
        times=np.concatenate([times for _, times, _ in parts]),
        values=np.concatenate(values, axis=1),
        step_s=step,
        start=end - request.span_s,
    )


def _step(detector: Detector, request: Request, reach_s: float, rows: int) -> float:
    """The detector's own step, or a multiple of it where the request allows that."""
    own = float(detector.step_s)
    room = min(request.limits.points, request.limits.cells // rows)
    if reach_s / own <= room:
        return own
    if not request.is_coarse or room < _LEAST_POINTS:
        msg = (
            f"{rows} series over {span(reach_s)} in steps of {span(own)} are too many points: "
            f"the limit is {room:,} a series. "
            f"Choose a shorter time, or run: manage.py backtest {detector.name!r}"
        )
        raise CannotReplay(msg)
    return math.ceil(reach_s / room / own) * own


def _check_room(rows: int, points: float, limits: Limits) -> None:
    """More series turn up in the past than there are now, where instances come and go."""
    if rows * points > 2 * limits.cells:
        msg = f"the past holds {rows} series, too many for one replay: choose a shorter time"
        raise CannotReplay(msg)


def _parts(start: float, end: float, step: float, rows: int) -> Iterator[tuple[float, float]]:
    """The stretches to ask the source for, oldest first, each small enough for one answer."""
    points = max(min(_ANSWER_POINTS, _ANSWER_CELLS // rows), 1)
    while start <= end:
        stop = min(start + (points - 1) * step, end)
        yield start, stop
        start = stop + step


def _in_rows(row_of: Mapping[str, int], keys: Sequence[str], values: Floats) -> Floats:
    """One answer's values in the rows of the whole; a series it did not have is a gap."""
    found = np.full((len(row_of), values.shape[1]), np.nan)
    if keys:
        found[[row_of[key] for key in keys]] = values
    return found


def _outcome(
    detector: Detector,
    history: History,
    known: verdicts.Verdicts,
    request: Request,
    settings: Mapping[str, Any],
    work: tuple[float, float],
) -> Outcome:
    """Replay one variant; `work` is where its share of the progress begins, and how long it is."""
    done = replayed(
        detector, history, settings, lambda part: request.progress(work[0] + part * work[1])
    )
    found = []
    for one in done.stretches:
        if one.raised_at >= history.start:
            labels = history.labels[one.row]
            service = labels.get(detector.service_label, "")
            found.append(_matched(Alarm(series_key(labels), service, one), known))
    weeks = (float(history.times[-1]) - history.start) / WEEK_S
    return _summed(
        found,
        known,
        settings=settings,
        per_series_week=len(found) / (len(history.labels) * weeks),
        sketches=_sketches(history, done) if request.is_drawn else {},
    )


def _matched(alarm: Alarm, known: verdicts.Verdicts) -> Alarm:
    """The alarm with what people said: a word on this very anomaly goes before an incident."""
    at = alarm.stretch.raised_at
    for word in known.judged:
        if word.covers(alarm.series_key, at):
            return replace(alarm, matches=REAL if word.is_real else FALSE)
    for incident in known.confirmed:
        if incident.covers(alarm.service, at):
            return replace(alarm, matches=incident.key)
    return alarm


def _summed(alarms: Sequence[Alarm], known: verdicts.Verdicts, **more: Any) -> Outcome:
    told = [(alarm.series_key, alarm.service, alarm.stretch.raised_at) for alarm in alarms]
    found = [word for word in known.judged if any(word.covers(key, at) for key, _, at in told)]
    delays = []
    for incident in known.confirmed:
        times = [at for _, service, at in told if incident.covers(service, at)]
        if times:
            delays.append(max(min(times) - incident.started_at, 0.0))
    return Outcome(
        alarms=alarms,
        incidents_found=len(delays),
        real_found=sum(word.is_real for word in found),
        false_again=sum(not word.is_real for word in found),
        unmatched=sum(not alarm.matches for alarm in alarms),
        delay_s=median(delays) if delays else None,
        **more,
    )


def _sketches(history: History, done: Replayed) -> dict[str, Sketch]:
    counted = history.times >= history.start
    return {
        key: replay.sketch(
            history.times[counted],
            history.values[row, counted],
            done.low[row, counted],
            done.high[row, counted],
            points=SKETCH_POINTS,
        )
        for row, key in enumerate(history.keys)
    }
