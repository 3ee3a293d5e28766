"""Level and scale by mean and standard deviation: cheap, and led astray by what it looks for."""

import numpy as np

from analysis.types import Floats


def level_and_scale(values: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each row of `values` (rows x points, NaN = gap).

    NaN for a row without points.
    """
    is_there = np.isfinite(values)
    count = np.maximum(is_there.sum(axis=1), 1)
    mean = np.where(is_there, values, 0.0).sum(axis=1) / count
    distance = np.where(is_there, values - mean[:, None], 0.0)
    deviation = np.sqrt((distance**2).sum(axis=1) / count)
    is_empty = ~is_there.any(axis=1)
    mean[is_empty] = np.nan
    deviation[is_empty] = np.nan
    return mean, deviation
