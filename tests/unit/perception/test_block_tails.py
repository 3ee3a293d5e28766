"""What a score means: the same number of false alarms, whatever a series looks like."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from analysis.perception import block_tails
from analysis.perception.state import State
from analysis.types import Floats

ROWS, POINTS, WEEK = 400, 60, 84


def drawn(draw: Callable[[tuple[int, int]], Floats], state: State, blocks: int) -> Floats:
    """The scores of the largest of each of `blocks` blocks, learnt one after another."""
    found = []
    for _ in range(blocks):
        largest = np.abs(draw((ROWS, POINTS))).max(axis=1)
        sizes = np.zeros((4, ROWS))
        sizes[0] = largest
        found.append(block_tails.scores(state, sizes)[0])
        state.block_max[0] = largest
        block_tails.close_block(state)
    return np.array(found)


@pytest.mark.parametrize("kind", ["normal", "exponential", "lognormal", "pareto"])
@pytest.mark.parametrize("rate", [0.1, 1.0])
def test_healthy_series_alarm_no_more_than_the_knob_says_and_heavy_tails_just_so(
    kind: str, rate: float
) -> None:
    rng = np.random.default_rng(7)
    draws: dict[str, Callable[[tuple[int, int]], Floats]] = {
        "normal": lambda shape: rng.normal(size=shape),
        "exponential": lambda shape: rng.exponential(size=shape),
        "lognormal": lambda shape: rng.lognormal(size=shape),
        "pareto": lambda shape: rng.pareto(2.0, size=shape),
    }
    state = State.new(ROWS)
    drawn(draws[kind], state, 168)
    scores = drawn(draws[kind], state, 2 * WEEK)
    alarms = (scores >= block_tails.needed(rate, 60.0)).sum() / (2 * ROWS)
    assert alarms < 2 * rate
    assert alarms > 0.3 * rate or kind != "pareto"


def test_incidents_in_one_block_of_twenty_do_not_move_the_scores() -> None:
    rng = np.random.default_rng(7)
    calm, troubled = State.new(ROWS), State.new(ROWS)
    for block in range(168):
        largest = rng.exponential(size=(ROWS, POINTS)).max(axis=1)
        calm.block_max[0] = largest
        troubled.block_max[0] = largest * (50 if block % 20 == 0 else 1)
        block_tails.close_block(calm)
        block_tails.close_block(troubled)
    reach = [block_tails.sizes_at(state, 5.5)[0] for state in (calm, troubled)]
    assert np.median(reach[1] / reach[0]) < 1.5


def test_size_and_score_are_inverse() -> None:
    state = State.new(2)
    rng = np.random.default_rng(1)
    for _ in range(30):
        state.block_max[:] = rng.lognormal(size=(4, 2))
        block_tails.close_block(state)
    sizes = block_tails.sizes_at(state, 4.2)
    np.testing.assert_allclose(block_tails.scores(state, sizes), 4.2, rtol=1e-5)


def test_a_day_of_blocks_is_needed() -> None:
    state = State.new(1)
    for _ in range(11):
        state.block_max[:] = 1.0
        block_tails.close_block(state)
    assert block_tails.scores(state, np.full((4, 1), 1e9)).max() == -np.inf
    assert np.isnan(block_tails.sizes_at(state, 5.0)).all()


def test_the_needed_score_is_that_of_the_rate() -> None:
    for rate in (0.01, 0.35, 5.0):
        chance = float(block_tails.p_value(np.array(block_tails.needed(rate, 60.0))))
        assert chance * WEEK == pytest.approx(rate, rel=1e-6)
    assert block_tails.needed(1e9, 60.0) == pytest.approx(-math.log(-math.log(0.5)))
    assert block_tails.needed(0.35, 7 * 86_400.0) < block_tails.needed(0.35, 60.0)
