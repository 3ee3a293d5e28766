"""Readings of the past as anomalies: when each would have been told, and when it ended."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.bank import Readings
from analysis.perception.replay import sketch, stretches
from analysis.types import Floats, Trouble

STEP_S = 60.0


def readings_of(values: Floats, *, flags: list[int], kind: int = 1) -> Readings:
    """A band from 90 to 110 around 100, with alarms at `flags` of the one row."""
    found = Readings.empty(1, len(values))
    found.expected[:], found.low[:], found.high[:] = 100, 90, 110
    found.p_value[:] = 1e-5
    found.is_flagged[0, flags] = True
    found.kind[0, flags] = kind
    return found


def times_of(values: Floats) -> Floats:
    return 1_000_000.0 + STEP_S * np.arange(len(values), dtype=np.float64)


def spans(values: list[float], flags: list[int]) -> list[tuple[int, int | None]]:
    """Where each anomaly was raised and ended, as indexes."""
    seen = np.array(values)
    times = times_of(seen)
    found = stretches(times, seen[None, :], readings_of(seen, flags=flags))
    place = {at: i for i, at in enumerate(times.tolist())}
    return [(place[s.raised_at], None if s.ended_at is None else place[s.ended_at]) for s in found]


def test_it_ends_with_the_third_point_back() -> None:
    assert spans([100, 150, 150, 100, 100, 100, 100], flags=[1, 2]) == [(1, 5)]


def test_a_point_out_between_starts_the_count_again() -> None:
    assert spans([150, 100, 100, 150, 100, 100, 100], flags=[0]) == [(0, 6)]


def test_a_gap_is_neither_good_nor_bad() -> None:
    assert spans([150, 100, np.nan, 100, np.nan, 100], flags=[0]) == [(0, 5)]


def test_what_does_not_come_back_is_still_out() -> None:
    assert spans([100, 150, 150, 150], flags=[1]) == [(1, None)]


def test_flags_within_an_anomaly_are_the_same_one() -> None:
    assert spans([150, 150, 150, 150], flags=[0, 2, 3]) == [(0, None)]


def test_a_flag_after_its_end_is_the_next() -> None:
    assert spans([150, 100, 100, 100, 150, 150], flags=[0, 4]) == [(0, 3), (4, None)]


def test_ten_silent_minutes_end_it() -> None:
    assert spans([150, *[np.nan] * 15], flags=[0]) == [(0, 11)]


def test_after_an_hour_what_is_expected_by_now_is_normal() -> None:
    values = np.array([150.0] * 70)
    readings = readings_of(values, flags=[0])
    readings.high[0, 30:] = 200  # it has learnt, but an hour has to pass
    (one,) = stretches(times_of(values), values[None, :], readings)
    assert one.ended_at == one.raised_at + 3600
    assert one.high == 110, "held against the band it left"


@pytest.mark.parametrize(("value", "direction"), [(150.0, "up"), (50.0, "down")])
def test_the_way_it_went(value: float, direction: str) -> None:
    values = np.array([100, value, 100, 100, 100])
    (one,) = stretches(times_of(values), values[None, :], readings_of(values, flags=[1], kind=0))
    assert (one.direction, one.kind, one.value) == (direction, Trouble.SPIKE, value)
    assert one.ended_at == times_of(values)[4]


@given(
    levels=st.lists(st.sampled_from([50.0, 100.0, 150.0, float("nan")]), min_size=2, max_size=60),
    cut=st.integers(1, 59),
    where=st.lists(st.integers(0, 59), max_size=8),
)
def test_what_was_raised_does_not_depend_on_what_came_later(
    levels: list[float], cut: int, where: list[int]
) -> None:
    values = np.array(levels)
    flags = [i for i in where if i < len(values) and np.isfinite(values[i])]
    readings = readings_of(values, flags=flags)
    times, cut = times_of(values), min(cut, len(values))
    head = Readings(**{name: part[:, :cut] for name, part in vars(readings).items()})
    until = times[cut - 1]
    early = stretches(times[:cut], values[None, :cut], head)
    late = [s for s in stretches(times, values[None, :], readings) if s.raised_at <= until]
    assert [replace(s, ended_at=None) for s in early] == [replace(s, ended_at=None) for s in late]
    known = [s.ended_at if s.ended_at is not None and s.ended_at <= until else None for s in late]
    assert [s.ended_at for s in early] == known


def test_a_sketch_keeps_the_spike() -> None:
    values = np.full(1000, 100.0)
    values[617], values[618] = 500.0, np.nan
    low, high = np.full(1000, 90.0), np.full(1000, 110.0)
    drawn = sketch(times_of(values), values, low, high, points=100)
    assert len(drawn.values) == 100
    assert drawn.values.max() == 500.0
    assert (np.diff(drawn.times) > 0).all()


def test_a_short_series_is_drawn_as_it_is() -> None:
    values = np.arange(5.0)
    drawn = sketch(times_of(values), values, values - 1, values + 1, points=100)
    assert (drawn.values == values).all()
    assert len(drawn.times) == 5


def test_a_gap_stays_a_gap_in_a_sketch() -> None:
    values = np.full(100, np.nan)
    drawn = sketch(times_of(values), values, values, values, points=10)
    assert np.isnan(drawn.values).all()
