"""What `benchmarks.ingest` concludes from its pairs of turns."""

import random

import pytest

from benchmarks.ingest_turns import median_interval, ratio_of, verdict


def test_the_interval_is_that_of_the_sign_test() -> None:
    """Tabled: of 40 values the 14th from either end, of 10 the 2nd, of 6 the outermost."""
    assert median_interval([float(n) for n in range(1, 41)]) == (14.0, 27.0)
    assert median_interval([float(n) for n in range(1, 11)]) == (2.0, 9.0)
    assert median_interval([3.0, 1.0, 2.0, 5.0, 4.0, 6.0]) == (1.0, 6.0)
    assert median_interval([2.0]) == (2.0, 2.0)


def test_it_holds_the_true_median_19_times_in_20() -> None:
    chance = random.Random(2)
    draws = [[chance.lognormvariate(0, 0.3) for _ in range(40)] for _ in range(4000)]
    held = sum(low <= 1.0 <= high for low, high in map(median_interval, draws))
    assert 0.95 <= held / len(draws) <= 0.98


def test_one_disturbed_turn_decides_nothing() -> None:
    calm = [0.95, 0.97, 0.96, 0.94, 0.98] * 8
    disturbed = [*calm[:-1], 0.2]
    assert ratio_of(disturbed)["low"] >= 0.94
    assert ratio_of(disturbed)["least"] == 0.2


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.8, 1.1, "met"), (0.7, 0.79, "missed"), (0.78, 0.9, "open")]
)
def test_a_goal_within_the_interval_is_open(low: float, high: float, word: str) -> None:
    assert verdict({"low": low, "high": high}, 0.8) == word
