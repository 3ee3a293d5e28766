"""The rules without memory, replayed look by look over a past in which each has its moment."""

import math

import numpy as np
import pytest

from analysis.perception import replay_rules as rules
from analysis.types import Floats, Trouble

STEP_S = 60.0
N = 240
TIMES = 1_000_000.0 + STEP_S * np.arange(N, dtype=np.float64)


def rows(*series: Floats) -> Floats:
    return np.array(series, dtype=np.float64)


def flat(value: float) -> Floats:
    return np.full(N, value)


def spans(values: Floats, rule: rules.WindowRule, *, every: int = 1) -> list[tuple[int, int, int]]:
    """Row, and the points at which each anomaly was raised and over (N: not yet)."""
    at = {time: i for i, time in enumerate(TIMES.tolist())}
    found = rules.followed(TIMES, values, rule, every=every)
    assert all(one.kind is rule.kind for one in found)
    return [(s.row, at[s.raised_at], N if s.ended_at is None else at[s.ended_at]) for s in found]


def test_silence_begins_after_its_patience_and_ends_with_a_point() -> None:
    gone = flat(5.0)
    gone[100:115] = math.nan
    rule = rules.silence_rule(window_s=1800, patience_s=360)
    assert spans(rows(flat(1.0), gone), rule) == [(1, 105, 115)]


def test_a_series_that_is_never_heard_of_again_is_forgotten() -> None:
    gone = flat(5.0)
    gone[100:] = math.nan
    rule = rules.silence_rule(window_s=1800, patience_s=360)
    ((_, raised, over),) = spans(rows(gone), rule)
    assert raised == 105
    assert over <= 100 + 31, "its window holds nothing any more"


def test_a_counter_that_starts_anew() -> None:
    counter = np.arange(N, dtype=np.float64)
    counter[150:] -= 150
    rule = rules.reset_rule(window_s=600, least=1)
    ((row, raised, over),) = spans(rows(flat(1.0), counter), rule)
    assert (row, raised) == (1, 150)
    assert 159 <= over <= 161, "ten minutes later it is out of the window"
    assert spans(rows(counter), rules.reset_rule(window_s=600, least=2)) == []


@pytest.mark.parametrize("is_floor", [False, True])
def test_a_known_limit(is_floor: bool) -> None:
    filling = flat(0.5)
    filling[60:120], filling[120:180] = 0.95, 0.88
    values = rows(-filling if is_floor else filling)
    limit = -1.0 if is_floor else 1.0
    rule = rules.limit_rule(window_s=3600, limit=limit, margin=0.1, is_floor=is_floor)
    assert spans(values, rule) == [(0, 62, 182)], "between near and clear it goes on"
    low, high = rule.edges
    assert (low, high) == ((-0.9, math.inf) if is_floor else (-math.inf, 0.9))


def test_a_budget_that_burns_fast() -> None:
    failing = flat(0.0)
    failing[120:180] = 0.5
    rule = rules.burn_rule(objective=0.999)
    ((row, raised, over),) = spans(rows(flat(0.0005), failing), rule)
    assert row == 1
    assert 120 <= raised <= 130
    assert 180 <= over <= 215, "the short window says that it is over"


def test_a_limit_foretold() -> None:
    leak = np.linspace(0, 0.8, N) + 0.002 * np.sin(np.arange(N))
    rule = rules.forecast_rule(window_s=3600, limit=1.0, horizon_s=7200, is_floor=False)
    ((row, raised, over),) = spans(rows(flat(0.2), leak), rule, every=5)
    assert row == 1
    assert raised < 239
    assert over == N
    assert rules.followed(TIMES, rows(leak), rule, every=5)[0].kind is Trouble.FORECAST_BREACH


@pytest.mark.parametrize("cut", [100, 151, 200])
def test_a_look_does_not_know_what_comes(cut: int) -> None:
    filling = flat(0.5)
    filling[90:150] = 0.97
    rule = rules.limit_rule(window_s=3600, limit=1.0, margin=0.0, is_floor=False)
    whole = rules.followed(TIMES, rows(filling), rule, every=1)
    part = rules.followed(TIMES[:cut], rows(filling)[:, :cut], rule, every=1)
    assert [one.raised_at for one in part] == [one.raised_at for one in whole]
