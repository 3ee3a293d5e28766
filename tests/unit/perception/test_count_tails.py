"""Tails of counts and shares: against scipy's distributions, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.perception.count_tails import (
    chance_per_look,
    count_limit,
    count_tail,
    deviations,
    none_in,
    share_tail,
)

MEANS = st.floats(0.01, 500)


@given(st.integers(1, 1000), MEANS)
def test_counts_by_pure_chance_are_poisson(count: int, mean: float) -> None:
    expected = stats.poisson.sf(count - 1, mean)
    assert count_tail(count, mean=mean, scatter=1.0) == pytest.approx(
        expected, rel=1e-6, abs=1e-300
    )


@given(st.integers(1, 1000), MEANS, st.floats(1.05, 20))
def test_bursty_counts_are_negative_binomial(count: int, mean: float, scatter: float) -> None:
    expected = stats.nbinom.sf(count - 1, mean / (scatter - 1), 1 / scatter)
    found = count_tail(count, mean=mean, scatter=scatter)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-300)


@given(MEANS, st.floats(1.0, 10), st.sampled_from([1e-2, 1e-5, 1e-8]))
def test_the_limit_is_the_smallest_count_that_is_unlikely_enough(
    mean: float, scatter: float, chance: float
) -> None:
    limit = count_limit(chance, mean=mean, scatter=scatter)
    assert count_tail(limit, mean=mean, scatter=scatter) <= chance
    assert count_tail(limit - 1, mean=mean, scatter=scatter) > chance


def test_no_event_in_some_looks() -> None:
    assert none_in(3, mean=2.0, scatter=1.0) == pytest.approx(stats.poisson.pmf(0, 2.0) ** 3)
    expected = stats.nbinom.pmf(0, 4.0, 1 / 1.5) ** 3
    assert none_in(3, mean=2.0, scatter=1.5) == pytest.approx(expected)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 50), st.integers(0, 2000))
def test_shares_are_beta_binomial(hits: int, misses: int, before: int, fine: int) -> None:
    found = share_tail(hits, hits + misses, hits_before=before, of_before=before + fine)
    among = np.arange(hits, hits + misses + 1)
    expected = stats.betabinom.pmf(among, hits + misses, before + 0.5, fine + 0.5).sum()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_error_is_news_only_when_much_was_seen() -> None:
    assert share_tail(1, 5, hits_before=0, of_before=5) > 0.2
    assert share_tail(1, 5, hits_before=0, of_before=5000) < 0.001


def test_a_share_alarms_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    before, now = rng.binomial(400, 0.05, 4000), rng.binomial(60, 0.05, 4000)
    tails = [
        share_tail(hits, 60, hits_before=past, of_before=400)
        for past, hits in zip(before, now, strict=True)
    ]
    assert 0.002 <= np.mean(np.array(tails) <= 0.01) <= 0.012


def test_the_knob_in_alarms_per_week_is_spread_over_its_looks() -> None:
    assert chance_per_look(0.25, 30.0) == pytest.approx(0.25 / 20_160)
    assert chance_per_look(1e9, 30.0) == 0.5


def test_deviations_are_those_of_a_normal_distribution() -> None:
    assert deviations(stats.norm.sf(4.0)) == pytest.approx(4.0)
    assert deviations(0.0) == 40.0
    assert deviations(0.9) == 0.0
