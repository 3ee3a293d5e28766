"""When something began: steps, ramps, smoothed steps, and what did not shift at all."""

import numpy as np
import pytest

from analysis.perception.changepoint import Level, Shift, locate
from analysis.types import Floats, Series

TIMES = np.linspace(0.0, 895.0, 180)
SPLIT = 600.0


def series(values: Floats) -> Series:
    return Series({"service": "a"}, TIMES, values)


def noise(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(50, 1, len(TIMES))


def shifted(found: Shift | Level | None) -> Shift:
    assert isinstance(found, Shift)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_noise_has_a_level_and_no_shift(seed: int) -> None:
    found = locate(series(noise(seed)), split=SPLIT)
    assert isinstance(found, Level)
    assert found.level == pytest.approx(50, abs=1)


@pytest.mark.parametrize("seed", range(10))
def test_a_step_is_dated_to_its_step(seed: int) -> None:
    found = shifted(locate(series(noise(seed) + 20 * (TIMES >= 650)), split=SPLIT))
    assert abs(found.at - 650) <= found.error_s <= 10
    assert found.direction == "up"
    assert not found.is_ramp
    assert found.before == pytest.approx(50, abs=1)
    assert found.during == pytest.approx(70, abs=1)
    assert found.magnitude > 10


@pytest.mark.parametrize("seed", range(10))
def test_a_step_smoothed_by_a_rate_is_dated_to_its_beginning(seed: int) -> None:
    smoothed = np.convolve(20.0 * (TIMES >= 650), np.ones(6) / 6)[: len(TIMES)]
    found = shifted(locate(series(noise(seed) + smoothed), split=SPLIT))
    assert abs(found.at - 650) <= found.error_s + 5
    assert not found.is_ramp


@pytest.mark.parametrize("slope", [0.05, 0.2, 1.0])
def test_a_ramp_is_dated_to_where_it_left_the_level(slope: float) -> None:
    found = shifted(locate(series(noise() + slope * np.maximum(TIMES - 640, 0)), split=SPLIT))
    assert found.is_ramp
    assert abs(found.at - 640) <= found.error_s
    assert found.during == pytest.approx(50 + slope * 255, rel=0.1)


def test_a_fall_is_a_shift_only_where_falling_is_bad() -> None:
    fallen = series(noise() - 20 * (TIMES >= 650))
    assert shifted(locate(fallen, split=SPLIT)).direction == "down"
    assert shifted(locate(fallen, split=SPLIT, direction="down")).during < 31
    assert isinstance(locate(fallen, split=SPLIT, direction="up"), Level)


def test_one_wild_point_is_no_shift() -> None:
    values = noise()
    values[130] += 500
    assert isinstance(locate(series(values), split=SPLIT), Level)


def test_a_shift_below_the_floor_does_not_count() -> None:
    values = series(noise() + 20 * (TIMES >= 650))
    assert isinstance(locate(values, split=SPLIT, floor=30), Level)


def test_a_level_that_stood_before_the_split_is_not_a_shift() -> None:
    assert isinstance(locate(series(noise() + 20 * (TIMES >= 100)), split=SPLIT), Level)


def test_a_shift_that_is_over_is_still_dated() -> None:
    during = (TIMES >= 650) & (TIMES < 750)
    found = shifted(locate(series(noise() + 20 * during), split=SPLIT))
    assert abs(found.at - 650) <= found.error_s
    assert found.during == pytest.approx(70, abs=1)


def test_too_little_on_one_side_says_nothing() -> None:
    values = noise()
    values[7:120] = np.nan
    assert locate(series(values), split=SPLIT) is None
    values = noise()
    values[121:] = np.nan
    assert locate(series(values), split=SPLIT) is None
