"""The first pass: one detector over all series of a query at once, judged at the newest points.

Series that are looked at together share one grid of times; a gap is NaN. The baseline of a
verdict is what came before the suspect stretch, so that a long anomaly does not become its own
norm, and a level that stood before the window is not news.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.perception import robust_z, rolling_z
from analysis.types import AnomalyFinding, Band, Floats, Series

Flags = NDArray[np.bool_]

MIN_BASELINE = 12  # points; fewer say nothing about what is normal
_QUIET = 0.02  # of the level: a series is never taken to be steadier than this
_STALE = 3  # newest points that may be missing before there is no verdict
_NEAR = 1.5  # deviations within which a point still belongs to the baseline
_MAX_SCORE = 1e6
_GIVE_UP = 60  # points out of band after which a chart calls them the new normal

_METHODS = {"robust_z": robust_z.level_and_scale, "rolling_z": rolling_z.level_and_scale}


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True)
class DetectorSettings:
    """How calm a detector is, which way is bad, and what is too small to matter.

    `alarms_per_week`: expected false alarms per series and week, smaller is calmer. `floor`: the
    smallest departure that can matter, in the unit of the series. The other fields are read by
    `judge` and `scan` only.
    """

    alarms_per_week: float = 0.35
    direction: str = Direction.UP
    floor: float = 0.0
    method: str = "robust_z"
    sensitivity: float = 4.0
    persistence: int = 3


@dataclass(frozen=True)
class Verdicts:
    """One entry for each series, in its unit where it has one.

    `clearance` is how many half bands the newest points are off their level, by the one nearest
    to it: above 1 all of them are out of band. `level`, `scale` (one deviation) and `half` (half
    the band) are the baseline it was judged by; NaN without one.
    """

    clearance: Floats
    level: Floats
    scale: Floats
    half: Floats

    @property
    def is_anomalous(self) -> Flags:
        found: Flags = self.clearance > 1
        return found


def judge(values: Floats, settings: DetectorSettings) -> Verdicts:
    """Judge the newest `persistence` points of each row of `values` (rows x points, NaN = gap).

    Several lengths of the suspect stretch are tried, never longer than the history before it; the
    baseline from which the newest points stand out most clearly is taken, since one that holds a
    part of the anomaly is blurred by it. No verdict on fewer than 12 points of history, nor when
    the newest points are missing.
    """
    newest, is_fresh = _newest(values, settings.persistence)
    rows = len(values)
    clearance = np.zeros(rows)
    chosen = np.full((3, rows), np.nan)
    for tail in _tails(values.shape[1], settings.persistence):
        level, scale, half = _baseline(values[:, :-tail], settings, at_least=tail)
        away = np.where(newest, _away(values, level, settings.direction), np.inf)
        with np.errstate(over="ignore"):  # where nothing ever moved, anything is infinitely far
            clear = np.where(is_fresh & np.isfinite(half), away.min(axis=1) / half, 0.0)
        is_better = clear > clearance
        clearance = np.where(is_better, clear, clearance)
        chosen = np.where(is_better, (level, scale, half), chosen)
    return Verdicts(clearance, *chosen)


def scan(series: Sequence[Series], settings: DetectorSettings) -> list[AnomalyFinding]:
    """The series whose newest points are out of band, each with its onset and its band.

    See `judge` for what counts. Raises ValueError when the series are not on one grid.
    """
    if not series:
        return []
    verdicts = judge(_stacked(series), settings)
    return [
        _finding(
            series[row],
            settings,
            level=float(verdicts.level[row]),
            scale=float(verdicts.scale[row]),
            half=float(verdicts.half[row]),
        )
        for row in np.flatnonzero(verdicts.is_anomalous).tolist()
    ]


def has_recovered(series: Series, *, edge: float, direction: str, persistence: int) -> bool:
    """Whether the newest `persistence` points are back on the good side of the band's `edge`.

    `direction` is where the bad side lies, up or down. False without enough points.
    """
    there = series.values[np.isfinite(series.values)][-persistence:]
    is_good = there <= edge if direction == Direction.UP else there >= edge
    return len(there) == persistence and bool(is_good.all())


def band(series: Series, settings: DetectorSettings) -> Band:
    """The expected range before each point, for charts: NaN until there is enough history.

    Points out of band do not move it, unless they stay there so long that they are the norm.
    """
    bands = np.full((3, len(series.values)), np.nan)
    accepted: list[float] = []
    refused: list[float] = []
    for i, value in enumerate(series.values):
        is_out = False
        if len(accepted) >= MIN_BASELINE:
            found = _baseline(np.array([accepted]), settings, at_least=0)
            level, _, half = (float(one[0]) for one in found)
            bands[:, i] = level, _low(series, level, half), level + half
            is_out = abs(value - level) > half
        if not np.isfinite(value):
            continue
        if is_out and len(refused) < _GIVE_UP:
            refused.append(float(value))
            continue
        accepted = [*(refused if len(refused) == _GIVE_UP else accepted), float(value)]
        refused = []
    return Band(expected=bands[0], low=bands[1], high=bands[2])


def _stacked(series: Sequence[Series]) -> Floats:
    lengths = {len(s.values) for s in series}
    if len(lengths) != 1:
        msg = f"series of one scan must share one grid; got lengths {sorted(lengths)}"
        raise ValueError(msg)
    return np.vstack([s.values for s in series])


def _tails(length: int, persistence: int) -> list[int]:
    """Lengths of the suspect stretch to try, shortest first."""
    wanted = {persistence, 4 * persistence, length // 4, length // 2}
    return sorted(tail for tail in wanted if persistence <= tail <= length - MIN_BASELINE)


def _newest(values: Floats, persistence: int) -> tuple[Flags, Flags]:
    """Marks the newest points that exist in each row, and the rows where they are fresh."""
    is_there = np.isfinite(values)
    from_end = np.cumsum(is_there[:, ::-1], axis=1)[:, ::-1]
    marked: Flags = is_there & (from_end <= persistence)
    recent = marked[:, -(persistence + _STALE) :].sum(axis=1) == persistence
    return marked, recent & is_there[:, -_STALE:].any(axis=1)


def _away(values: Floats, level: Floats, direction: str) -> Floats:
    """How far each value is off its row's level in the bad direction; negative in the good one."""
    off: Floats = values - level[:, None]
    if direction == Direction.UP:
        return off
    return -off if direction == Direction.DOWN else np.abs(off)


def _baseline(
    values: Floats, settings: DetectorSettings, *, at_least: int
) -> tuple[Floats, Floats, Floats]:
    """Level, one deviation and half the band that `values` (rows x points) lead us to expect.

    The deviation has a floor, and is widened for short histories, whose own spread is too small
    an estimate (by 4 in n: a third at 12 points, nothing at hundreds).
    """
    count = np.isfinite(values).sum(axis=1)
    level, scale = _METHODS[settings.method](values)
    tiny = np.finfo(np.float64).tiny
    scale = np.fmax(scale, _QUIET * np.abs(level)) * (1 + 4 / np.maximum(count, 1)) + tiny
    half = np.fmax(settings.sensitivity * scale, settings.floor)
    half[count < max(MIN_BASELINE, at_least)] = np.nan
    return level, scale, half


def _low(series: Series, level: float, half: float) -> float:
    """The lower edge; what was never negative is not expected to become so."""
    low = level - half
    return max(low, 0.0) if np.nanmin(series.values, initial=0.0) >= 0 else low


def _finding(
    series: Series, settings: DetectorSettings, *, level: float, scale: float, half: float
) -> AnomalyFinding:
    there = np.flatnonzero(np.isfinite(series.values))
    values = series.values[there]
    is_up = bool(values[-1] > level)
    way = settings.direction
    if way == Direction.BOTH:
        way = Direction.UP if is_up else Direction.DOWN
    away = (values - level) * (1 if way == Direction.UP else -1)
    quiet = np.flatnonzero(away < min(max(_NEAR * scale, half / 4), half))
    first = int(quiet[-1]) + 1 if len(quiet) else 0
    return AnomalyFinding(
        series=series,
        direction=str(way),
        started_at=float(series.times[there[first]]),
        last_at=float(series.times[there[-1]]),
        value=float(values[-1]),
        expected=level,
        low=_low(series, level, half),
        high=level + half,
        score=min(settings.sensitivity * float(away[-1]) / half, _MAX_SCORE),
    )
