"""A limit foretold: right nine times in ten, and not at all where nothing is sure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.perception.forecast import foretell
from analysis.types import Breach, Floats

POINTS, STEP_S = 120, 30.0
TIMES: Floats = STEP_S * np.arange(POINTS * 40, dtype=np.float64)


def foretold(x: Floats, limit: float, *, horizon_s: float = 8 * POINTS * STEP_S) -> Breach | None:
    return foretell(TIMES[: len(x)], x[None, :], limit=limit, horizon_s=horizon_s)[0]


def line(slope: float, noise: float = 0.01, *, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    found: Floats = slope * np.arange(POINTS) + rng.normal(0, noise, POINTS)
    return found


def test_a_straight_line_reaches_its_limit_when_it_does() -> None:
    found = foretold(line(1.0), 240.0)
    assert found is not None
    assert found.value == pytest.approx(118, abs=1)
    assert found.latest is not None
    assert found.earliest < 240 * STEP_S < found.latest
    assert found.expected == pytest.approx(240 * STEP_S, rel=0.02)
    assert found.latest - found.earliest < 0.2 * 240 * STEP_S


@pytest.mark.parametrize(
    ("x", "limit"),
    [
        (line(0.0, 1.0), 5.0),  # noise around a level
        (line(-1.0), 240.0),  # away from it
        (line(1.0), 119 + 8 * POINTS * 2),  # beyond the horizon
        (line(1.0)[:20], 240.0),  # too few points
        (100 * (1 - np.exp(-np.arange(POINTS) / 60)), 150.0),  # levelling off below it
        (np.full(POINTS, np.nan), 1.0),
        (np.full(POINTS, 3.0), 4.0),
    ],
)
def test_what_is_not_on_its_way_is_not_foretold(x: Floats, limit: float) -> None:
    assert foretold(x, limit) is None


def test_what_is_there_already_is_expected_now() -> None:
    found = foretold(line(1.0), 100.0)
    assert found is not None
    assert found.earliest == found.expected == found.latest == TIMES[POINTS - 1]


def test_a_lower_limit_is_the_same_upside_down() -> None:
    up = foretold(line(1.0), 240.0)
    x = -line(1.0)
    down = foretell(TIMES[:POINTS], x[None, :], limit=-240.0, horizon_s=28_800, is_floor=True)[0]
    assert up is not None
    assert down is not None
    assert (down.earliest, down.expected, down.latest) == (up.earliest, up.expected, up.latest)
    assert (down.value, down.limit) == (-up.value, -up.limit)


def test_after_a_restart_the_trend_begins_anew() -> None:
    x = np.concatenate([line(1.0)[:60], line(1.0)[:60] * 0.5])
    found = foretold(x, 60.0)
    assert found is not None
    assert found.expected - TIMES[POINTS - 1] == pytest.approx(61 * STEP_S, rel=0.1)


def test_gaps_do_not_matter() -> None:
    x = line(1.0)
    x[30:50] = np.nan
    whole, holed = foretold(line(1.0), 240.0), foretold(x, 240.0)
    assert (whole is None) == (holed is None) or holed is None


@settings(max_examples=30, deadline=None)
@given(
    slope=st.floats(0.2, 5), scale=st.floats(1e-6, 1e9), shift=st.floats(-1e3, 1e3),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_units_do_not_matter(slope: float, scale: float, shift: float, seed: int) -> None:
    x = line(slope, seed=seed)
    limit = 2 * slope * POINTS
    plain, scaled = foretold(x, limit), foretold(scale * (x + shift), scale * (limit + shift))
    assert (plain is None) == (scaled is None)
    if plain and scaled:
        assert scaled.expected == pytest.approx(plain.expected, rel=1e-3)


def _walk(rng: np.random.Generator, drift: float, size: int) -> Floats:
    return np.cumsum(rng.normal(drift, rng.uniform(0.02, 0.5), size))


def _trend(rng: np.random.Generator, drift: float, size: int) -> Floats:
    found: Floats = drift * np.arange(size) + rng.normal(0, rng.uniform(0.01, 2), size)
    return found


@pytest.mark.parametrize(("kind", "at_least"), [(_walk, 0.86), (_trend, 0.9)])
def test_the_interval_is_right_nine_times_in_ten(kind: object, at_least: float) -> None:
    """Drifts, noises and distances at random; counted over what was foretold."""
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(500):
        drift = rng.uniform(0.01, 0.1)
        x = kind(rng, drift, len(TIMES))  # type: ignore[operator]  # one of the two above
        limit = float(np.median(x[POINTS - 3 : POINTS]) + drift * POINTS * rng.uniform(0.2, 5))
        found = foretold(x[:POINTS], limit)
        if found is None or found.expected <= TIMES[POINTS - 1]:
            continue
        hit = np.flatnonzero(x[POINTS:] >= limit)
        at = TIMES[POINTS + hit[0]] if len(hit) else np.inf
        inside.append(found.earliest <= at <= (found.latest or np.inf))
    assert len(inside) > 100
    assert np.mean(inside) >= at_least


def test_a_walk_without_drift_is_all_but_never_foretold() -> None:
    rng = np.random.default_rng(6)
    found = 0
    for _ in range(500):
        x = np.cumsum(rng.normal(0, 0.5, POINTS))
        found += foretold(x, float(x[-1]) + rng.uniform(1, 20)) is not None
    assert found <= 10
