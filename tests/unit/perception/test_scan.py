"""The first pass: what alarms, what does not, and since when."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.perception.scan import DetectorSettings, band, has_recovered, scan
from analysis.types import Floats, Series

STEP = 5.0
SETTINGS = DetectorSettings(sensitivity=4.0, floor=1.0, persistence=3)
methods = pytest.mark.parametrize("method", ["robust_z", "rolling_z"])


def series(values: object, **labels: str) -> Series:
    array = np.asarray(values, dtype=np.float64)
    return Series(labels or {"service": "a"}, STEP * np.arange(len(array), dtype=np.float64), array)


def noise(length: int = 180, *, level: float = 10.0, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(level, 0.5, length)


@methods
def test_noise_is_no_anomaly(method: str) -> None:
    many = [series(noise(seed=seed)) for seed in range(200)]
    assert scan(many, replace(SETTINGS, method=method)) == []


@methods
@pytest.mark.parametrize("length", [3, 5, 20, 60])
def test_a_step_is_found_with_its_onset_and_band(method: str, length: int) -> None:
    values = noise()
    values[-length:] += 20
    (found,) = scan([series(values)], replace(SETTINGS, method=method))
    assert found.direction == "up"
    assert found.started_at == STEP * (180 - length)
    assert found.last_at == STEP * 179
    assert found.value == values[-1]
    assert found.low < found.expected < found.high < found.value
    assert found.expected == pytest.approx(10, abs=1)
    assert found.score > 4


def test_fewer_points_than_persistence_do_not_alarm() -> None:
    values = noise()
    values[-2:] += 20
    assert scan([series(values)], SETTINGS) == []


def test_what_is_over_does_not_alarm() -> None:
    values = noise()
    values[-40:-5] += 20
    assert scan([series(values)], SETTINGS) == []


def test_a_level_that_stood_before_the_window_is_not_news() -> None:
    assert scan([series(noise(level=500.0))], SETTINGS) == []


@pytest.mark.parametrize(
    ("direction", "change", "expected"),
    [
        ("up", 20, ["up"]),
        ("up", -9, []),
        ("down", -9, ["down"]),
        ("down", 20, []),
        ("both", 20, ["up"]),
        ("both", -9, ["down"]),
    ],
)
def test_only_the_bad_direction_counts(direction: str, change: float, expected: list[str]) -> None:
    values = noise()
    values[-6:] += change
    found = scan([series(values)], replace(SETTINGS, direction=direction))
    assert [f.direction for f in found] == expected


def test_a_quiet_series_needs_more_than_a_wiggle() -> None:
    values = np.zeros(180)
    values[-4:] = 0.9
    assert scan([series(values)], SETTINGS) == []
    values[-4:] = 1.1
    assert len(scan([series(values)], SETTINGS)) == 1


def test_without_a_floor_a_steady_level_still_has_some_room() -> None:
    values = np.full(180, 100.0)
    values[-4:] = 104.0
    settings = replace(SETTINGS, floor=0.0)
    assert scan([series(values)], settings) == []
    values[-4:] = 120.0
    assert len(scan([series(values)], settings)) == 1


def test_too_little_history_gives_no_verdict() -> None:
    values = np.concatenate([noise(11), [99, 99, 99]])
    assert scan([series(values)], SETTINGS) == []
    values = np.concatenate([noise(12), [99, 99, 99]])
    assert len(scan([series(values)], SETTINGS)) == 1


def test_short_history_in_a_long_window_is_enough() -> None:
    values = np.concatenate([np.full(150, np.nan), noise(22), np.full(8, 99.0)])
    (found,) = scan([series(values)], SETTINGS)
    assert found.started_at == STEP * 172


def test_gaps_are_not_zeros() -> None:
    values = noise()
    values[::3] = np.nan
    values[-7:] = [np.nan, 30, np.nan, 30, 30, np.nan, 30]
    (found,) = scan([series(values)], SETTINGS)
    assert found.started_at == STEP * 174


def test_missing_newest_points_give_no_verdict() -> None:
    values = noise()
    values[-8:] = 30
    values[-4:] = np.nan
    assert scan([series(values)], SETTINGS) == []
    values[:] = np.nan
    assert scan([series(values)], SETTINGS) == []


def test_a_leak_is_found_and_dated_to_its_beginning() -> None:
    values = noise()
    values[-24:] += 0.5 * np.arange(24)
    (found,) = scan([series(values)], SETTINGS)
    assert STEP * 154 <= found.started_at <= STEP * 162


def test_each_series_is_judged_by_itself() -> None:
    many = [series(noise(seed=seed), service=str(seed)) for seed in range(20)]
    bad = noise(seed=99)
    bad[-5:] += 30
    found = scan([*many, series(bad, service="bad")], SETTINGS)
    assert [f.series.labels["service"] for f in found] == ["bad"]


def test_no_series_no_findings() -> None:
    assert scan([], SETTINGS) == []


def test_series_of_two_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="one grid"):
        scan([series(noise(100)), series(noise(90))], SETTINGS)


@given(
    values=arrays(np.float64, 40, elements=st.floats(-1e12, 1e12) | st.just(np.nan)),
    method=st.sampled_from(["robust_z", "rolling_z"]),
    direction=st.sampled_from(["up", "down", "both"]),
)
def test_every_finding_is_out_of_its_own_band(values: Floats, method: str, direction: str) -> None:
    settings = replace(SETTINGS, method=method, direction=direction)
    for found in scan([series(values)], settings):
        assert found.low <= found.expected <= found.high
        assert found.value > found.high or found.value < found.low
        assert found.started_at <= found.last_at
        assert abs(found.value - found.expected) > settings.floor
        assert np.isfinite(found.score)


@given(shift=st.floats(-1e6, 1e6), seed=st.integers(0, 1000))
def test_a_constant_offset_changes_no_verdict_of_the_noise(shift: float, seed: int) -> None:
    values = noise(seed=seed)
    values[-5:] += 1e7
    plain = scan([series(values)], SETTINGS)
    moved = scan([series(values + shift)], SETTINGS)
    assert len(plain) == len(moved) == 1


def test_recovery_is_the_good_side_of_the_edge() -> None:
    back = series([30.0, 30, 30, 5, 5, 5])
    assert has_recovered(back, edge=12, direction="up", persistence=3)
    assert not has_recovered(back, edge=12, direction="up", persistence=4)
    assert has_recovered(series([1.0, 9, 9, 9]), edge=8, direction="down", persistence=3)
    assert not has_recovered(series([np.nan, 5.0, np.nan]), edge=12, direction="up", persistence=3)


def test_the_band_of_a_chart_follows_the_past_and_not_the_trouble() -> None:
    values = noise()
    values[100:130] += 40
    found = band(series(values), SETTINGS)
    assert np.isnan(found.expected[:12]).all()
    assert (found.high[101:130] < values[101:130]).all()
    assert found.expected[170] == pytest.approx(10, abs=1)
    assert (found.low[12:] >= 0).all()


def test_the_band_of_a_chart_accepts_a_new_normal() -> None:
    values = noise()
    values[60:] += 40
    found = band(series(values), SETTINGS)
    assert found.expected[100] == pytest.approx(10, abs=1)
    assert found.expected[175] == pytest.approx(50, abs=1)


def test_the_band_has_no_trouble_with_gaps() -> None:
    values = noise()
    values[50:60] = np.nan
    assert np.isfinite(band(series(values), SETTINGS).high[50:60]).all()
