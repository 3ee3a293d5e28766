"""Looks that need no memory: silence, counters, known limits, error budgets, forecasts.

Each reads a window of its own and judges it with a pure rule of `perception`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import numpy as np

from analysis.commands import forecast as forecasts
from analysis.commands.anomaly import MAX_KEY, Look, as_finding
from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Anomaly, Detector
from analysis.perception import burn_rate, resets, saturation, silence
from analysis.perception.forecast import foretell
from analysis.perception.saturation import Standing
from analysis.queries.sources import open_metrics
from analysis.types import Breach, Floats, Frame, SignalFinding, Trouble, Withdrawal, series_key
from incidents.commands.service import ensure

MIN_PATIENCE_S = 60.0
PATIENCE_STEPS = 6
SILENCE_WINDOW_S = 1_800.0
RESET_WINDOW_S = 600.0
LIMIT_STEPS = 60
_TREND_POINTS = 360
TREND_WINDOW_S = 3_600.0
_BURN_POINTS = 1_500  # of the three days that a slow burn is judged by


def missing(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Series that reported and stopped. What a source leaves out for its own trouble proves none.

    A series that is never heard of again is forgotten with its window.
    """
    frame = _window(detector, now, SILENCE_WINDOW_S)
    if frame.is_partial:
        return _look(frame, [])
    patience_s = max(MIN_PATIENCE_S, PATIENCE_STEPS * float(detector.step_s))
    silent = {s.row: s for s in silence.silent(frame.times, frame.values, patience_s=patience_s)}
    findings = []
    for row, key in enumerate(_keys(frame)):
        found = silent.get(row)
        if found is not None:
            findings.append(
                _finding(
                    detector, frame, row, Trouble.MISSING, since=found.last_at,
                    value=found.value, expected=found.value, low=found.value, high=found.value,
                    score=found.for_s / patience_s, details={"silent_s": found.for_s},
                )
            )  # fmt: skip
        elif key in known:
            findings.append(_over(known[key], frame, row))
    return _look(frame, findings)


def counter_reset(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Counters that started anew in the last ten minutes, at least `floor` times (once)."""
    frame = _window(detector, now, RESET_WINDOW_S)
    least = max(detector.floor, 1.0)
    found = {r.row: r for r in resets.resets(frame.times, frame.values) if r.count >= least}
    findings = []
    for row, key in enumerate(_keys(frame)):
        reset = found.get(row)
        if reset is not None:
            findings.append(
                _finding(
                    detector, frame, row, Trouble.COUNTER_RESET, since=reset.first_at,
                    value=float(reset.count), expected=0.0, low=0.0, high=least - 1,
                    score=reset.count / least, details={"fell_from": reset.before},
                )
            )  # fmt: skip
        elif key in known:
            findings.append(_over(known[key], frame, row))
    return _look(frame, findings)


def nearly_full(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Series within `floor` (or a tenth) of their `limit`; over when well off it again."""
    limit = _limit(detector)
    is_floor = detector.direction == Detector.Direction.DOWN
    frame = _window(detector, now, LIMIT_STEPS * float(detector.step_s))
    found = saturation.nearness(
        frame.times, frame.values, limit=limit, margin=detector.floor, is_floor=is_floor
    )
    findings = []
    for row, (key, near) in enumerate(zip(_keys(frame), found, strict=True)):
        if near is None:
            continue
        if near.standing is Standing.NEAR or (near.standing is Standing.BETWEEN and key in known):
            low, high = (near.edge, math.inf) if is_floor else (-math.inf, near.edge)
            findings.append(
                _finding(
                    detector, frame, row, Trouble.SATURATION, since=near.since, value=near.value,
                    expected=near.edge, low=_finite(low, near.edge), high=_finite(high, near.edge),
                    score=abs(near.value - near.edge) / max(abs(limit - near.edge), 1e-12),
                    details={"limit": limit},
                )
            )  # fmt: skip
        elif near.standing is Standing.CLEAR and key in known:
            findings.append(_over(known[key], frame, row))
    return _look(frame, findings)


def burn(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Error budgets that burn: fast ones are trouble now, slow ones a breach foretold."""
    longest_s = max(window.long_s for window in burn_rate.WINDOWS)
    frame = _window(detector, now, longest_s, points=_BURN_POINTS)
    objective = detector.objective or _missing_setting(detector, "an objective")
    found = {b.row: b for b in burn_rate.burns(frame.times, frame.values, objective=objective)}
    findings = []
    for row, key in enumerate(_keys(frame)):
        burnt = found.get(row)
        if burnt is not None and burnt.window.is_fast:
            findings.append(
                _finding(
                    detector, frame, row, Trouble.BURN_RATE, since=now.timestamp(),
                    value=burnt.now_rate * (1 - objective), expected=1 - objective, low=0.0,
                    high=burnt.window.factor * (1 - objective), score=burnt.rate,
                    details={"rate": burnt.rate, "window_s": burnt.window.long_s},
                )
            )  # fmt: skip
        elif key in known:
            findings.append(_over(known[key], frame, row))
        _foresee(detector, frame, row, _exhausted(burnt, now), now)
    return _look(frame, findings)


def _exhausted(burnt: burn_rate.Burn | None, now: datetime) -> Breach | None:
    """When a slow burn has used up the budget of the period: between its two rates."""
    if burnt is None or burnt.window.is_fast:
        return None
    ends = sorted(burn_rate.PERIOD_S / rate for rate in (burnt.rate, burnt.now_rate))
    return Breach(
        value=0.0,
        limit=1.0,
        earliest=now.timestamp() + ends[0],
        expected=now.timestamp() + burnt.lasts_s,
        latest=now.timestamp() + ends[1],
        method=f"{burnt.window.long_s / 3600:.0f} h and {burnt.window.short_s / 3600:.0f} h rates",
    )


def trend(detector: Detector, known: Mapping[str, Anomaly], now: datetime) -> Look:
    """Series on their way to their limit: foretold, renewed, withdrawn. No anomaly is made."""
    limit = _limit(detector)
    window_s = max(TREND_WINDOW_S, detector.horizon_s / 6)
    frame = _window(detector, now, window_s, points=_TREND_POINTS)
    found = foretell(
        frame.times,
        frame.values,
        limit=limit,
        horizon_s=float(detector.horizon_s),
        is_floor=detector.direction == Detector.Direction.DOWN,
    )
    for row, breach in enumerate(found):
        _foresee(detector, frame, row, breach, now)
    heard = set(_keys(frame))
    for forecast in detector.forecasts.filter(outcome="pending").exclude(series_key__in=heard):
        forecasts.withdraw(
            detector=detector, series_key=forecast.series_key, now=now, why=Withdrawal.GONE
        )
    return _look(frame, [])


def _foresee(
    detector: Detector, frame: Frame, row: int, breach: Breach | None, now: datetime
) -> None:
    labels = frame.labels[row]
    key = series_key(labels)[:MAX_KEY]
    if breach is None:
        forecasts.withdraw(
            detector=detector, series_key=key, now=now, why=_why_not(frame.values[row])
        )
        return
    name = labels.get(detector.service_label, "")
    forecasts.record(
        detector=detector,
        service=ensure(workspace=detector.workspace, name=name) if name else None,
        series_key=key,
        labels=labels,
        breach=breach,
        now=now,
    )


def _why_not(values: Floats) -> Withdrawal:
    """Why a series is no longer on its way: it fell back, or it just does not move on."""
    there = values[np.isfinite(values)]
    if len(there) < 3:
        return Withdrawal.LEVELLED_OFF
    fell = float(np.max(there) - np.median(there[-3:]))
    return Withdrawal.FELL if fell > 0.5 * float(np.ptp(there)) else Withdrawal.LEVELLED_OFF


def _window(detector: Detector, now: datetime, window_s: float, *, points: int = 10_000) -> Frame:
    """The newest `window_s` of the detector's query, at its step or as coarse as must be."""
    step = max(float(detector.step_s), math.ceil(window_s / points))
    end = now.timestamp() // step * step
    start = end - window_s // step * step
    source = open_metrics(detector.connector)
    return source.query_frame(detector.query, start=start, end=end, step_s=step)


def _limit(detector: Detector) -> float:
    return _missing_setting(detector, "a limit") if detector.limit is None else detector.limit


def _missing_setting(detector: Detector, what: str) -> NoReturn:
    msg = f"{detector.name} has the rule {detector.get_rule_display()!r} but not {what}: set it"
    raise ConnectorError(Problem.REJECTED, msg)


def _keys(frame: Frame) -> list[str]:
    return [series_key(labels)[:MAX_KEY] for labels in frame.labels]


def _look(frame: Frame, findings: list[SignalFinding]) -> Look:
    newest_at = datetime.fromtimestamp(float(frame.times[-1]), UTC) if len(frame.times) else None
    return Look(findings, len(frame), newest_at)


def _finite(value: float, otherwise: float) -> float:
    return value if math.isfinite(value) else otherwise


def _finding(  # noqa: PLR0913 - what every kind of finding says
    detector: Detector,
    frame: Frame,
    row: int,
    kind: Trouble,
    *,
    since: float,
    value: float,
    expected: float,
    low: float,
    high: float,
    score: float,
    details: Mapping[str, float],
) -> SignalFinding:
    labels = frame.labels[row]
    return SignalFinding(
        key=series_key(labels),
        labels=labels,
        service=labels.get(detector.service_label, ""),
        kind=kind,
        direction="down" if detector.direction == Detector.Direction.DOWN else "up",
        started_at=since,
        last_at=float(frame.times[-1]),
        value=value,
        expected=expected,
        low=low,
        high=high,
        score=score,
        details=details,
    )


def _over(anomaly: Anomaly, frame: Frame, row: int) -> SignalFinding:
    """That an anomaly is over as of the newest point of its series."""
    there = np.flatnonzero(np.isfinite(frame.values[row]))
    at = float(frame.times[there[-1]]) if len(there) else float(frame.times[-1])
    value = float(frame.values[row, there[-1]]) if len(there) else anomaly.value
    return replace(as_finding(anomaly), last_at=at, value=value, is_over=True)
