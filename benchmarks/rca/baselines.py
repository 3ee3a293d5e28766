"""What the reasoner has to beat: rankings anybody would write first. None of them abstains."""

import random
from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from analysis.reasoning.rootcause.shifts import Frame
from analysis.types import Case

Ranking = Callable[[Case], Mapping[str, float]]
_ANOMALOUS = 5.0  # robust deviations


def by_chance(case: Case) -> Mapping[str, float]:
    """Seeded by the case, so that the table is the same every time."""
    draw = random.Random(case.id)  # noqa: S311  # a baseline by chance needs no secrecy
    return {name: draw.random() for name in case.candidates}


def largest_z(case: Case) -> Mapping[str, float]:
    """The largest deviation of a mean from the mean before, in standard deviations."""

    def score(before: np.ndarray, during: np.ndarray) -> float:
        return abs(float(during.mean() - before.mean())) / (float(before.std()) + 1e-9)

    return _largest(case, score)


def before_after(case: Case) -> Mapping[str, float]:
    """The largest deviation of any sample from the median before, in interquartile ranges.

    The robust scorer of BARO (Pham et al., FSE 2024).
    """

    def score(before: np.ndarray, during: np.ndarray) -> float:
        low, middle, high = np.quantile(before, (0.25, 0.5, 0.75))
        return float(np.abs(during - middle).max()) / (float(high - low) + 1e-9)

    return _largest(case, score)


def anomalous_signals(case: Case) -> Mapping[str, float]:
    """How many signals of a component are out of the usual: series, new log lines, alerts."""
    frame = Frame.of(case)
    counts: Counter[str] = Counter(alert.component for alert in case.alerts)
    for (component, _), values in case.series.items():
        before, during = _parts(values, frame)
        if len(before) and len(during):
            low, middle, high = np.quantile(before, (0.25, 0.5, 0.75))
            reach = _ANOMALOUS * float(high - low) / 1.35 + 0.05 * abs(float(middle)) + 1e-9
            counts[component] += bool(abs(float(np.median(during)) - middle) > reach)
    return {name: float(counts[name]) for name in case.candidates}


BASELINES: Mapping[str, Ranking] = {
    "random": by_chance,
    "largest z-score": largest_z,
    "robust before/after": before_after,
    "anomalous signals": anomalous_signals,
}


def _largest(case: Case, score: Callable[[np.ndarray, np.ndarray], float]) -> Mapping[str, float]:
    frame = Frame.of(case)
    best = dict.fromkeys(case.candidates, 0.0)
    for (component, _), values in case.series.items():
        before, during = _parts(values, frame)
        if component in best and len(before) and len(during):
            best[component] = max(best[component], score(before, during))
    return best


def _parts(values: np.ndarray, frame: Frame) -> tuple[np.ndarray, np.ndarray]:
    before, during = values[frame.before], values[frame.during]
    return before[np.isfinite(before)], during[np.isfinite(during)]
