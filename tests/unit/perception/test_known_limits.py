"""Silence, counters that start anew, known limits, error budgets: rules that learn nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.perception.burn_rate import PERIOD_S, burns
from analysis.perception.resets import resets
from analysis.perception.saturation import Standing, nearness
from analysis.perception.silence import silent
from analysis.types import Floats

NAN = np.nan


def grid(points: int, step_s: float = 5.0) -> Floats:
    return step_s * np.arange(points, dtype=np.float64)


# --- silence ---
def test_a_series_that_stopped_is_silent_since_its_last_word() -> None:
    values = np.array([[1.0] * 10 + [NAN] * 10, [1.0] * 20, [NAN] * 20])
    (found,) = silent(grid(20), values, patience_s=45)
    assert (found.row, found.last_at, found.value, found.for_s) == (0, 45.0, 1.0, 50.0)


def test_a_zero_is_no_silence_and_a_short_gap_is_none() -> None:
    values = np.array([[0.0] * 20, [1.0] * 17 + [NAN] * 3])
    assert silent(grid(20), values, patience_s=45) == []


def test_what_never_really_reported_cannot_fall_silent() -> None:
    assert silent(grid(20), np.array([[1.0] * 4 + [NAN] * 16]), patience_s=30) == []
    assert silent(grid(0), np.empty((3, 0)), patience_s=30) == []


@given(st.integers(0, 25))
def test_silence_begins_exactly_at_the_patience(gap: int) -> None:
    values = np.array([[1.0] * 30 + [NAN] * gap])
    found = silent(grid(30 + gap), values, patience_s=50)
    assert bool(found) == (gap * 5.0 >= 50)


# --- counters ---
def test_a_counter_that_starts_anew_is_told_once_each_time() -> None:
    values = np.array([[1.0, 5, 9, 2, 6, 8, 12, 1, 3, 6, 9]])
    (found,) = resets(grid(11), values)
    assert (found.count, found.first_at, found.last_at, found.before) == (2, 15.0, 35.0, 12.0)


def test_a_gap_is_no_reset_but_does_not_hide_one() -> None:
    going_on = [1.0, 5, 9, NAN, NAN, 20, 22, 25]
    anew = [1.0, 5, 9, NAN, NAN, 2, 4, 6]
    found = resets(grid(8), np.array([going_on, anew]))
    assert [(r.row, r.first_at) for r in found] == [(1, 25.0)]


def test_a_gauge_is_left_alone() -> None:
    assert resets(grid(9), np.array([[9.0, 1, 8, 2, 9, 1, 9, 0, 5]])) == []


@given(arrays(np.float64, (3, 30), elements=st.floats(0, 1e6)))
def test_what_only_climbs_never_resets(steps: Floats) -> None:
    assert resets(grid(30), np.cumsum(steps, axis=1)) == []


# --- saturation ---
@pytest.mark.parametrize(
    ("newest", "standing"),
    [(0.95, Standing.NEAR), (1.2, Standing.NEAR), (0.8, Standing.CLEAR), (0.87, Standing.BETWEEN)],
)
def test_near_its_limit_clear_of_it_and_between(newest: float, standing: Standing) -> None:
    (found,) = nearness(grid(8), np.array([[0.2] * 5 + [newest] * 3]), limit=1.0)
    assert found is not None
    assert found.standing is standing
    assert found.edge == pytest.approx(0.9)


def test_one_point_is_not_enough_and_the_beginning_is_told() -> None:
    blip, full = nearness(
        grid(8), np.array([[0.2] * 7 + [0.99], [0.2] * 4 + [0.95] * 4]), limit=1.0
    )
    assert blip is not None
    assert blip.standing is Standing.BETWEEN
    assert full is not None
    assert full.since == 20.0


def test_a_lower_limit_and_a_margin_of_ones_own() -> None:
    values = np.array([[50.0] * 5 + [6.0] * 3])
    (found,) = nearness(grid(8), values, limit=5.0, margin=2.0, is_floor=True)
    assert found is not None
    assert (found.standing, found.edge, found.value) == (Standing.NEAR, 7.0, 6.0)
    assert nearness(grid(8), np.full((1, 8), NAN), limit=1.0) == [None]


# --- burn rate ---
def ratios(hours: float, *parts: tuple[float, float]) -> tuple[Floats, Floats]:
    """A minute a point; `parts` are (hours before the end, ratio from then on)."""
    times = grid(int(hours * 60), 60.0)
    values = np.zeros(len(times))
    for before, ratio in parts:
        values[len(times) - int(before * 60) :] = ratio
    return times, values[None, :]


def test_a_fast_burn_is_told_by_its_fastest_window() -> None:
    (found,) = burns(*ratios(12, (1.0, 0.02)), objective=0.999)
    assert found.window.factor == 14.4
    assert found.rate == pytest.approx(20)
    assert found.lasts_s == pytest.approx(PERIOD_S / 20)


def test_a_burn_that_is_over_is_not_told() -> None:
    times, values = ratios(12, (1.0, 0.02))
    values[:, -10:] = 0.0
    assert burns(times, values, objective=0.999) == []


def test_a_slow_burn_needs_days_and_says_how_long_the_budget_lasts() -> None:
    times, values = ratios(72, (72, 0.0012))
    (found,) = burns(times, values, objective=0.999)
    assert found.window.is_slow
    assert found.lasts_s == pytest.approx(PERIOD_S / 1.2)
    assert burns(times[:600], values[:, :600], objective=0.999) == []


def test_within_budget_nothing_burns_and_a_wrong_objective_is_refused() -> None:
    assert burns(*ratios(72, (72, 0.0005)), objective=0.999) == []
    assert burns(grid(1), np.ones((1, 1)), objective=0.9) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        burns(*ratios(1), objective=1.0)


@given(st.floats(0.0, 1.0), st.floats(0.001, 0.5))
def test_more_errors_never_burn_slower(ratio: float, more: float) -> None:
    less = burns(*ratios(12, (8, ratio)), objective=0.99)
    worse = burns(*ratios(12, (8, min(ratio + more, 1.0))), objective=0.99)
    if less:
        assert worse
        assert worse[0].window.factor >= less[0].window.factor
