"""Level and scale that half of the points cannot lead astray."""

import numpy as np
import pytest

from analysis.perception import robust_z


def test_median_and_mad_agree_with_numpy() -> None:
    values = np.random.default_rng(0).normal(5, 2, (50, 181))
    level, scale = robust_z.level_and_scale(values)
    np.testing.assert_allclose(level, np.median(values, axis=1))
    mad = 1.4826 * np.median(np.abs(values - level[:, None]), axis=1)
    assert (scale >= mad - 1e-12).all()
    assert np.median(scale) == pytest.approx(2, rel=0.1)


def test_half_of_the_points_may_be_wild() -> None:
    values = np.random.default_rng(0).normal(5, 1, (1, 100))
    values[0, :9] = 1e9
    level, scale = robust_z.level_and_scale(values)
    assert level[0] == pytest.approx(5, abs=0.5)
    assert scale[0] < 3


def test_where_half_is_equal_the_spread_stands_in() -> None:
    values = np.zeros((1, 100))
    values[0, :20] = 1.0
    _, scale = robust_z.level_and_scale(values)
    assert scale[0] == pytest.approx(1 / 2.5631)


def test_gaps_are_left_out_and_nothing_is_nothing() -> None:
    values = np.array([[1.0, np.nan, 3.0, np.nan], [np.nan] * 4])
    level, scale = robust_z.level_and_scale(values)
    assert level[0] == 2
    assert np.isfinite(scale[0])
    assert np.isnan(level[1])
    assert np.isnan(scale[1])
