"""How fast an error budget burns: several windows, each with a short one that says "still".

The windows and factors of the Google SRE workbook, chapter 5 ("Alerting on SLOs", table 5-8): 2 %
of a 30-day budget in an hour, 5 % in six hours, 10 % in three days.
"""

from dataclasses import dataclass

import numpy as np

from analysis.types import Floats

PERIOD_S = 30 * 86_400.0
_COVERED = 0.5  # of the long window that must hold points


@dataclass(frozen=True)
class Window:
    """Alarm when the budget burns `factor` times too fast over `long_s`, and over `short_s`."""

    long_s: float
    short_s: float
    factor: float
    is_slow: bool = False

    @property
    def is_fast(self) -> bool:
        return not self.is_slow


WINDOWS = (
    Window(3_600.0, 300.0, 14.4),
    Window(6 * 3_600.0, 1_800.0, 6.0),
    Window(3 * 86_400.0, 6 * 3_600.0, 1.0, is_slow=True),
)


@dataclass(frozen=True)
class Burn:
    """`row` burns `rate` budgets a period over `window` (and `now_rate` over its short part).

    The whole budget of 30 days would last for `lasts_s` seconds at that rate.
    """

    row: int
    window: Window
    rate: float
    now_rate: float

    @property
    def lasts_s(self) -> float:
        return PERIOD_S / self.rate


def burns(times: Floats, ratios: Floats, *, objective: float) -> list[Burn]:
    """The rows of `ratios` (rows x times, NaN = gap, share of failed requests) that burn too fast.

    `objective` is the share of requests that must succeed; `times` in Unix seconds, ascending, the
    newest of them is now. Each row is told of by its fastest window only. A window counts when
    half of it holds points. Raises ValueError on an objective outside (0, 1).
    """
    if not 0 < objective < 1:
        msg = f"an objective lies between 0 and 1, got {objective}"
        raise ValueError(msg)
    budget = 1 - objective
    found: dict[int, Burn] = {}
    for window in WINDOWS:
        rate = _mean(times, ratios, window.long_s, _COVERED) / budget
        now_rate = _mean(times, ratios, window.short_s, 0.0) / budget
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero((rate >= window.factor) & (now_rate >= window.factor))
        for row in rows.tolist():
            found.setdefault(row, Burn(row, window, float(rate[row]), float(now_rate[row])))
    return [found[row] for row in sorted(found)]


def _mean(times: Floats, ratios: Floats, window_s: float, covered: float) -> Floats:
    """Mean of each row over the newest `window_s`; NaN where too little of it is there."""
    means = np.full(len(ratios), np.nan)
    if len(times) < 2:
        return means
    step_s = float(np.median(np.diff(times)))
    inside = ratios[:, times > times[-1] - window_s]
    count = np.isfinite(inside).sum(axis=1)
    enough = (count > 0) & (count >= covered * window_s / step_s)
    means[enough] = np.nansum(inside[enough], axis=1) / count[enough]
    return means
