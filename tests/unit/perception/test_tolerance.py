"""A word on an anomaly: how far the series must depart next time, and that it can be taken back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.tolerance import (
    MAX_TOLERANCE,
    MIN_TOLERANCE,
    after_not_anomaly,
    after_real,
    after_take_back,
    departure,
)

tolerances = st.floats(MIN_TOLERANCE, MAX_TOLERANCE)
departures = st.floats(1.0, 100.0)


@pytest.mark.parametrize(
    ("value", "expected"), [(30.0, 2.0), (20.0, 1.0), (10.0, 0.0), (-5.0, 3.0), (5.0, 1.0)]
)
def test_departure_counts_half_bands_on_the_side_of_the_value(
    value: float, expected: float
) -> None:
    assert departure(value=value, expected=10.0, low=5.0, high=20.0) == expected


@pytest.mark.parametrize("edge", [10.0, math.inf, math.nan])
def test_a_band_without_width_says_nothing(edge: float) -> None:
    assert departure(value=30.0, expected=10.0, low=edge, high=edge) == 1.0


@given(raised_with=tolerances, now=tolerances, departed=departures)
def test_the_same_departure_would_not_alarm_again(
    raised_with: float, now: float, departed: float
) -> None:
    """The band of the series grows with its tolerance: it reached `departed / raised_with`."""
    new = after_not_anomaly(now, raised_with=raised_with, departed=departed)
    usual_half_bands = departed * raised_with
    assert new == MAX_TOLERANCE or usual_half_bands < new
    assert now <= new <= MAX_TOLERANCE


@given(raised_with=tolerances, departed=departures)
def test_it_is_raised_no_further_than_needed(raised_with: float, departed: float) -> None:
    new = after_not_anomaly(MIN_TOLERANCE, raised_with=raised_with, departed=departed)
    assert new <= max(1.06 * departed, 1.26) * raised_with


def test_what_the_present_tolerance_would_have_kept_quiet_changes_nothing() -> None:
    assert after_not_anomaly(4.0, raised_with=1.0, departed=2.0) == 4.0


@given(tolerances)
def test_real_goes_towards_the_usual_and_never_past_it(tolerance: float) -> None:
    new = after_real(tolerance)
    assert new == tolerance if tolerance <= 1 else 1 <= new <= tolerance


@given(tolerance=tolerances, raised_with=tolerances, departed=departures)
def test_a_word_can_be_taken_back(tolerance: float, raised_with: float, departed: float) -> None:
    new = after_not_anomaly(tolerance, raised_with=raised_with, departed=departed)
    back = after_take_back(new, factor=new / tolerance)
    assert back == pytest.approx(tolerance)
