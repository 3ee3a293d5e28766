"""The detector: what is raised, once, for which kind of trouble; and what it remembers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.perception.bank import NO_KIND, Bank, Readings
from analysis.perception.settings import DetectorSettings, Direction
from analysis.perception.state import KEPT, row_bytes
from analysis.types import Floats, Trouble

START = 1_700_006_400.0  # a midnight
BOTH = DetectorSettings(direction=Direction.BOTH)
STEP = 300.0
DAY = 288


def at(points: int, *, step_s: float = STEP, start: float = START) -> Floats:
    return start + step_s * np.arange(points, dtype=np.float64)


def daily(points: int, *, seed: int = 1, noise: float = 2.0) -> Floats:
    """A busy day and a quiet night around 100, with noise."""
    hours = 2 * np.pi * np.arange(points) / DAY
    return 100 + 30 * np.sin(hours) + np.random.default_rng(seed).normal(0, noise, points)


def read(values: Floats, how: DetectorSettings = BOTH, *, step_s: float = STEP) -> Readings:
    many = np.atleast_2d(values)
    return Bank.new(len(many), step_s=step_s).advance(at(many.shape[1], step_s=step_s), many, how)


def raised(found: Readings, row: int = 0) -> list[int]:
    """The points at which an alarm begins."""
    flags = found.is_flagged[row]
    return np.flatnonzero(flags & ~np.append(False, flags[:-1])).tolist()


# --- what is raised ----------------------------------------------------------------------------
def test_a_healthy_fortnight_is_quiet() -> None:
    found = read(np.stack([daily(14 * DAY, seed=seed) for seed in range(10)]))
    assert sum(len(raised(found, row)) for row in range(10)) <= 4  # 20 weeks at 0.35


def test_a_spike_is_raised_at_its_first_point() -> None:
    values = daily(4 * DAY)
    values[3 * DAY + 140 : 3 * DAY + 143] += 60
    found = read(values)
    assert raised(found) == [3 * DAY + 140]
    assert found.trouble(0, 3 * DAY + 140) == Trouble.SPIKE
    assert found.trouble(0, 3 * DAY) is None
    assert found.score[0, 3 * DAY + 140] > 2.3
    assert found.p_value[0, 3 * DAY + 140] < 0.005


def test_a_new_level_is_raised_once_and_then_held_quiet() -> None:
    values = daily(6 * DAY)
    values[4 * DAY + 60 :] += 60
    assert raised(read(values)) == [4 * DAY + 60]


def test_a_job_that_runs_every_night_is_no_news() -> None:
    values = daily(8 * DAY)
    for day in range(8):
        values[day * DAY + 24 : day * DAY + 27] += 60
    assert [i for i in raised(read(values)) if i > 3 * DAY] == []
    values[7 * DAY + 144 : 7 * DAY + 147] += 60
    assert [i for i in raised(read(values)) if i > 3 * DAY] == [7 * DAY + 144]


def test_a_slow_drift_is_raised_against_the_profile_of_the_day() -> None:
    values = daily(6 * DAY)
    values[5 * DAY : 5 * DAY + 144] += np.linspace(0, 80, 144)
    found = read(values)
    first = next(i for i in raised(found) if i > 5 * DAY)
    assert first < 5 * DAY + 96
    assert found.trouble(0, first) in {Trouble.DRIFT, Trouble.SEASONAL_BREAK}


def test_a_peak_that_does_not_come_is_a_break_of_the_season() -> None:
    values = daily(8 * DAY, noise=1.0)
    values[7 * DAY : 7 * DAY + 144] = 100 + np.random.default_rng(3).normal(0, 1, 144)
    found = read(values)
    kinds = [found.trouble(0, i) for i in raised(found) if i > 7 * DAY]
    assert kinds[:1] == [Trouble.SEASONAL_BREAK]


def test_a_flat_line_is_raised_where_both_directions_are_watched() -> None:
    values = daily(3 * DAY)
    values[2 * DAY + 100 : 2 * DAY + 140] = values[2 * DAY + 100]
    found = read(values)
    (first,) = raised(found)
    assert 2 * DAY + 112 <= first <= 2 * DAY + 113  # an hour of twelve points
    assert found.trouble(0, first) == Trouble.FLATLINE
    assert raised(read(values, DetectorSettings(direction=Direction.UP))) == []


def test_unrest_at_the_usual_level_is_a_change_of_variance() -> None:
    values = daily(5 * DAY)
    values[4 * DAY + 50 : 4 * DAY + 90] += np.random.default_rng(9).normal(0, 25, 40)
    found = read(values, DetectorSettings(alarms_per_week=0.3, direction="both"))
    kinds = {found.trouble(0, i) for i in np.flatnonzero(found.is_flagged[0]).tolist()}
    assert kinds & {Trouble.VARIANCE, Trouble.SPIKE}
    assert raised(found)[0] < 4 * DAY + 90


def test_a_series_that_often_stands_still_may() -> None:
    values = np.round(daily(5 * DAY) / 20) * 20
    assert raised(read(values)) == []


@pytest.mark.parametrize(
    ("direction", "change", "expected"),
    [("up", 60, 1), ("up", -60, 0), ("down", -60, 1), ("down", 60, 0), ("both", -60, 1)],
)
def test_only_the_bad_direction_counts(direction: str, change: float, expected: int) -> None:
    values = daily(3 * DAY)
    values[3 * DAY - 20 :] += change
    assert len(raised(read(values, DetectorSettings(direction=direction)))) == expected


def test_less_than_the_floor_does_not_matter() -> None:
    values = daily(3 * DAY)
    values[3 * DAY - 20 :] += 60
    assert raised(read(values, DetectorSettings(floor=90))) == []
    found = read(values, DetectorSettings(floor=40))
    assert len(raised(found)) == 1
    assert found.high[0, -30] - found.expected[0, -30] >= 40


def test_feedback_widens_what_is_needed() -> None:
    values = np.stack([daily(3 * DAY)] * 2)
    values[:, 3 * DAY - 20 :] += 30
    bank = Bank.new(2, step_s=STEP)
    found = bank.advance(at(3 * DAY), values, BOTH, tolerance=np.array([1.0, 4.0]))
    assert len(raised(found, 0)) == 1
    assert raised(found, 1) == []


def test_the_knob_makes_it_calmer() -> None:
    values = np.stack([daily(7 * DAY, seed=seed) for seed in range(20)])
    rng = np.random.default_rng(5)
    values[rng.random(values.shape) < 0.001] += 15
    alarms = [
        int(read(values, DetectorSettings(alarms_per_week=rate, direction="both")).is_flagged.sum())
        for rate in (10.0, 1.0, 0.1)
    ]
    assert alarms[0] > alarms[1] > alarms[2]


# --- young series ------------------------------------------------------------------------------
def test_a_fault_two_minutes_after_the_first_point_is_noticed_within_a_minute() -> None:
    values = np.random.default_rng(2).normal(10, 0.5, 40)
    values[24:] += 20
    found = read(values, DetectorSettings(floor=1.0), step_s=5.0)
    assert raised(found) == [26]
    assert found.trouble(0, 26) == Trouble.LEVEL_SHIFT
    assert found.low[0, 26] < found.expected[0, 26] < found.high[0, 26] < values[26]


def test_a_leak_is_noticed_as_soon_as_it_matters() -> None:
    megabyte = 1024.0 * 1024
    values = 60 * megabyte + np.random.default_rng(2).normal(0, 0.2 * megabyte, 60)
    values[30:] += 5 * megabyte * np.arange(30)
    found = read(values, DetectorSettings(floor=24 * megabyte), step_s=5.0)
    assert raised(found) == [30 + 7]  # the third point beyond 24 MB


def test_two_wild_points_do_not_raise_in_a_young_series() -> None:
    values = np.random.default_rng(2).normal(10, 0.5, 60)
    values[40:42] += 20
    assert raised(read(values, DetectorSettings(floor=1.0), step_s=5.0)) == []


def test_recovery_of_a_young_series_is_no_second_alarm() -> None:
    values = np.random.default_rng(2).normal(10, 0.5, 120)
    values[40:60] += 20
    assert raised(read(values, BOTH, step_s=5.0)) == [42]


def test_two_healthy_hours_of_many_young_series_are_quiet() -> None:
    values = np.random.default_rng(4).normal(10, 0.5, (100, 1440))
    assert read(values, DetectorSettings(floor=1.0), step_s=5.0).is_flagged.sum() == 0


def test_a_coarse_series_without_a_day_has_a_band_but_no_verdict() -> None:
    values = np.random.default_rng(2).normal(10, 0.5, 60)
    values[40:] += 20
    found = read(values, step_s=300.0)
    assert not found.is_flagged.any()
    assert found.high[0, 39] < values[45]


def test_nothing_is_said_on_fewer_than_twelve_points() -> None:
    found = read(np.array([10.0] * 11 + [99.0] * 4))
    assert not found.is_flagged.any()
    assert np.isnan(found.expected[0, :11]).all()


# --- gaps --------------------------------------------------------------------------------------
def test_a_gap_is_no_zero_and_no_alarm() -> None:
    values = daily(3 * DAY)
    values[2 * DAY + 20 : 2 * DAY + 80] = np.nan
    values[2 * DAY + 140] = np.inf
    found = read(values)
    assert raised(found) == []
    assert (found.score[0, 2 * DAY + 20 : 2 * DAY + 80] < 0.01).all()


# --- the contract of the state -----------------------------------------------------------------
histories = arrays(
    np.float64, (2, 60), elements=st.floats(-1e9, 1e9, width=32) | st.just(np.nan) | st.just(0.0)
)


@settings(deadline=None, max_examples=25)
@given(values=histories, cut=st.integers(0, 60), step_s=st.sampled_from([5.0, 60.0, 3600.0]))
def test_one_call_with_many_points_is_many_calls_with_one(
    values: Floats, cut: int, step_s: float
) -> None:
    times = at(60, step_s=step_s)
    whole, parts = Bank.new(2, step_s=step_s), Bank.new(2, step_s=step_s)
    at_once = whole.advance(times, values, BOTH)
    first = parts.advance(times[:cut], values[:, :cut], BOTH)
    parts = Bank.from_bytes(parts.to_bytes())
    rest = [parts.advance(times[i : i + 1], values[:, i : i + 1], BOTH) for i in range(cut, 60)]
    joined = Readings.joined([first, *rest])
    for name in vars(at_once):
        np.testing.assert_array_equal(getattr(joined, name), getattr(at_once, name))
    assert parts.to_bytes() == whole.to_bytes()


@settings(deadline=None, max_examples=25)
@given(values=histories)
def test_rows_do_not_see_each_other(values: Floats) -> None:
    together = read(values, step_s=3600.0)
    alone = read(values[1], step_s=3600.0)
    for name in vars(together):
        np.testing.assert_array_equal(getattr(together, name)[1], getattr(alone, name)[0])


def test_a_band_is_its_middle_where_what_departed_has_no_scale() -> None:
    values = np.zeros((1, 60))
    values[0, [0, 9, 13]] = 265.0, 5_992_929.0, -1_817_354.0
    found = read(values, BOTH, step_s=3600.0)
    known = np.isfinite(found.expected)
    assert known.any()
    assert (found.high[known] >= found.expected[known]).all()


@settings(deadline=None, max_examples=25)
@given(values=histories, how=st.sampled_from([BOTH, DetectorSettings(floor=3.0)]))
def test_every_flag_has_a_kind_and_every_band_its_middle(
    values: Floats, how: DetectorSettings
) -> None:
    found = read(values, how, step_s=3600.0)
    assert ((found.kind != NO_KIND) == found.is_flagged).all()
    known = np.isfinite(found.expected)
    assert (found.high[known] >= found.expected[known]).all()
    assert np.isfinite(found.score).all()
    assert ((found.p_value >= 0) & (found.p_value <= 1)).all()


def test_rows_are_taken_dropped_and_added() -> None:
    values = np.stack([daily(2 * DAY, seed=seed) for seed in range(3)])
    bank = Bank.new(3, step_s=STEP)
    bank.advance(at(2 * DAY), values, BOTH)
    moved = bank.take([2, -1, 0])
    assert moved.rows == 3
    later = at(5, start=bank.now + STEP)
    again = bank.take([0, 1, 2]).advance(later, np.full((3, 5), 100.0), BOTH)
    found = moved.advance(later, np.full((3, 5), 100.0), BOTH)
    np.testing.assert_array_equal(found.expected[[0, 2]], again.expected[[2, 0]])
    assert np.isnan(found.expected[1]).all()


def test_a_fresh_row_is_what_a_new_bank_has() -> None:
    bank = Bank.new(1, step_s=STEP).take([-1, -1])
    assert bank.to_bytes() == Bank.new(2, step_s=STEP).to_bytes()


def test_a_damaged_or_foreign_blob_is_refused() -> None:
    raw = Bank.new(2, step_s=STEP).to_bytes()
    for bad in (
        b"",
        raw[:-1],
        raw[:-1] + b"\x01",
        b"x" + raw[1:],
        raw[:8] + b"\xff\xff" + raw[10:],
    ):
        with pytest.raises(ValueError, match="stored bank"):
            Bank.from_bytes(bad)


def test_what_does_not_fit_is_refused() -> None:
    bank = Bank.new(2, step_s=STEP)
    with pytest.raises(ValueError, match="values must be"):
        bank.advance(at(3), np.zeros((2, 4)), BOTH)
    with pytest.raises(ValueError, match="tolerance must be"):
        bank.advance(at(3), np.zeros((2, 3)), BOTH, tolerance=np.ones(3))
    bank.advance(at(3), np.zeros((2, 3)), BOTH)
    with pytest.raises(ValueError, match="times must ascend"):
        bank.advance(at(3), np.zeros((2, 3)), BOTH)
    with pytest.raises(ValueError, match="step above 0"):
        Bank.new(2, step_s=0)
    with pytest.raises(ValueError, match="alarms per week"):
        bank.advance(
            at(1, start=bank.now + 1), np.zeros((2, 1)), DetectorSettings(alarms_per_week=0)
        )


def test_the_state_of_a_series_is_small() -> None:
    assert row_bytes() <= 3_072
    assert len(Bank.new(10, step_s=STEP).to_bytes()) < 10 * row_bytes() + 64
    assert len(KEPT) > 0
