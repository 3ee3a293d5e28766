"""The past of a detector's series judged by its rule: what one set of settings makes of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.commands import look_limits
from analysis.models import Detector
from analysis.perception import replay, replay_rules
from analysis.perception.bank import Bank
from analysis.perception.settings import DetectorSettings
from analysis.types import Floats, series_key
from analysis.types.replays import Stretch

Rule = Detector.Rule
Progress = Callable[[float], None]

_BLOCK = 256  # points between two words on the progress
_MAX_KEY = 300
_FORETOLD_EVERY_S = 300.0  # a forecast is dear, and does not change by the second

CANNOT: Mapping[str, str] = {
    Rule.LOGS: "what logs say is judged as it comes: its past cannot be replayed",
    Rule.TRACES: "what traces say is judged as it comes: its past cannot be replayed",
}


@dataclass(frozen=True)
class History:
    """Every series of the query on one grid; what lies before `start` is learnt from only."""

    labels: Sequence[Mapping[str, str]]
    times: Floats
    values: Floats
    step_s: float
    start: float

    @property
    def keys(self) -> list[str]:
        return [series_key(labels) for labels in self.labels]


@dataclass(frozen=True)
class Replayed:
    """The anomalies, and the band (rows, points) that each point was held against."""

    stretches: Sequence[Stretch]
    low: Floats
    high: Floats


def warm_up_s(detector: Detector, settings: Mapping[str, Any]) -> float:
    """How much of the past a rule needs before it can say anything."""
    if detector.rule == Rule.ADAPTIVE:
        return float(detector.history_s)
    return _window_rule(detector, settings).window_s


def replayed(
    detector: Detector, history: History, settings: Mapping[str, Any], progress: Progress
) -> Replayed:
    """Judge every point by what came before it, as a look at its time would have."""
    if detector.rule == Rule.ADAPTIVE:
        return _by_memory(detector, history, DetectorSettings(**settings), progress)
    rule = _window_rule(detector, settings)
    every_s = float(detector.interval_s)
    if detector.rule == Rule.FORECAST:
        every_s = max(every_s, _FORETOLD_EVERY_S)
    every = max(round(every_s / history.step_s), 1)
    found = replay_rules.followed(history.times, history.values, rule, every=every)
    progress(1.0)
    low, high = (_edge(history.values, edge) for edge in rule.edges)
    return Replayed(found, low, high)


def _by_memory(
    detector: Detector, history: History, settings: DetectorSettings, progress: Progress
) -> Replayed:
    """With the tolerances people have taught, block by block."""
    taught = dict(detector.tunings.values_list("series_key", "tolerance"))
    tolerance = np.array([taught.get(key[:_MAX_KEY], 1.0) for key in history.keys])
    bank = Bank.new(len(history.labels), step_s=history.step_s)
    blocks = []
    for at in range(0, len(history.times), _BLOCK):
        block = slice(at, at + _BLOCK)
        times, values = history.times[block], history.values[:, block]
        blocks.append(bank.advance(times, values, settings, tolerance=tolerance))
        progress((at + len(times)) / len(history.times))
    readings = replay.joined(blocks)
    found = replay.stretches(history.times, history.values, readings)
    return Replayed(found, readings.low, readings.high)


def _window_rule(detector: Detector, settings: Mapping[str, Any]) -> replay_rules.WindowRule:
    step = float(detector.step_s)
    is_floor = settings.get("direction") == Detector.Direction.DOWN
    if detector.rule == Rule.MISSING:
        patience = max(look_limits.MIN_PATIENCE_S, look_limits.PATIENCE_STEPS * step)
        return replay_rules.silence_rule(window_s=look_limits.SILENCE_WINDOW_S, patience_s=patience)
    if detector.rule == Rule.COUNTER_RESET:
        least = max(float(settings["floor"]), 1.0)
        return replay_rules.reset_rule(window_s=look_limits.RESET_WINDOW_S, least=least)
    if detector.rule == Rule.BURN_RATE:
        return replay_rules.burn_rule(objective=float(settings["objective"]))
    limit = float(settings["limit"])
    if detector.rule == Rule.SATURATION:
        return replay_rules.limit_rule(
            window_s=look_limits.LIMIT_STEPS * step,
            limit=limit,
            margin=float(settings["floor"]),
            is_floor=is_floor,
        )
    horizon_s = float(settings["horizon_s"])
    return replay_rules.forecast_rule(
        window_s=max(look_limits.TREND_WINDOW_S, horizon_s / 6),
        limit=limit,
        horizon_s=horizon_s,
        is_floor=is_floor,
    )


def _edge(values: Floats, edge: float) -> Floats:
    """One edge of a band that does not move; where it has none, as far as the series goes."""
    if math.isinf(edge) and np.isfinite(values).any():
        edge = float(np.nanmax(values) if edge > 0 else np.nanmin(values))
    return np.full(values.shape, edge)
