"""Level and scale by median and MAD: half of the points may be anything and it still holds."""

import numpy as np

from analysis.types import Floats

_NORMAL = 1.4826  # MAD to standard deviation for normal data (Rousseeuw & Croux 1993)
_SPREAD = 2.5631  # the 10-90 % spread of normal data in standard deviations


def level_and_scale(values: Floats) -> tuple[Floats, Floats]:
    """Median and robust standard deviation of each row of `values` (rows x points, NaN = gap).

    MAD is 0 as soon as half of the points are equal, which quiet metrics often are; the 10-90 %
    spread then stands in, so the larger of the two is taken. NaN for a row without points.
    """
    ordered = np.sort(values, axis=1)
    level = _quantile(ordered, 0.5)
    distances = np.sort(np.abs(values - level[:, None]), axis=1)
    mad = _NORMAL * _quantile(distances, 0.5)
    spread = (_quantile(ordered, 0.9) - _quantile(ordered, 0.1)) / _SPREAD
    return level, np.fmax(mad, spread)


def _quantile(ordered: Floats, share: float) -> Floats:
    """The quantile of each row of sorted values whose NaN are at the end, interpolated."""
    last = np.isfinite(ordered).sum(axis=1) - 1
    place = np.maximum(last, 0) * share
    below = place.astype(np.intp)
    above = np.minimum(below + 1, np.maximum(last, 0))
    rows = np.arange(len(ordered))
    low, high = ordered[rows, below], ordered[rows, above]
    found: Floats = low + (high - low) * (place - below)
    return found
