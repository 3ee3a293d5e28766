"""Before against during: how far a series has moved, and since when."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.types import Case

Series = NDArray[np.float64]
Mask = NDArray[np.bool_]

RECENT = 3  # samples before the window that show whether a shift is older than the incident
_FEWEST_BEFORE = 5
_LEAST_RELATIVE = 0.05  # of the level before: a series that hardly ever moves has no spread of use


@dataclass(frozen=True)
class Frame:
    """Which samples of a case lie before the incident and which during it."""

    before: Mask
    during: Mask

    @classmethod
    def of(cls, case: Case) -> "Frame":
        """Windows the case does not state: during is the last fifth, before is what precedes it."""
        times = case.times
        if case.window:
            start, stop = case.window
        elif case.started_at is not None:
            start, stop = case.started_at - case.interval_s, np.inf
        else:
            start = float(times[int(len(times) * 0.8)]) if len(times) else np.inf
            stop = np.inf
        since, until = case.baseline or (-np.inf, start)
        during = (times >= start) & (times < stop)
        return cls(before=(times >= since) & (times < until) & ~during, during=during)


@dataclass(frozen=True)
class Shift:
    """How far a series moved.

    `before` and `recent` are medians, `during` the level the window reached, all in the unit of
    the series; `spread` is a robust standard deviation of the samples before.
    """

    before: float
    during: float
    recent: float
    spread: float

    @property
    def rise(self) -> float:
        """What the incident added: a level already reached before it does not count."""
        return self.during - max(self.before, self.recent)

    @property
    def fall(self) -> float:
        return min(self.before, self.recent) - self.during

    @property
    def noise(self) -> float:
        return self.spread + _LEAST_RELATIVE * abs(self.before) + 1e-9


def shift(values: Series, frame: Frame, *, upward: bool = True) -> Shift | None:
    """None where there are too few samples to say.

    The level during is the upper (lower) third, so that samples of the first minute, from before
    the fault took hold, do not hide it; one sample alone does not make it.
    """
    before = values[frame.before]
    before = before[np.isfinite(before)]
    during = values[frame.during]
    during = during[np.isfinite(during)]
    if len(before) < _FEWEST_BEFORE or len(during) == 0:
        return None
    low, middle, high = np.quantile(before, (0.2, 0.5, 0.8))
    return Shift(
        before=float(middle),
        during=float(np.quantile(during, 0.67 if upward else 0.33)),
        recent=float(np.median(before[-RECENT:])),
        spread=float(high - low) / 1.683,  # the 20 and 80 % points of a normal lie 1.683 sd apart
    )
