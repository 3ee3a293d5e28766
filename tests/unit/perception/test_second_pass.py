"""The second pass lets go what comes every day or week, and stands by what never came before."""

import numpy as np
import pytest

from analysis.perception.second_pass import MAX_POINTS, Opinion, opinion
from analysis.types import Floats, Trouble

STEP_S = 900.0
DAY, WEEK = 96, 672
TIMES: Floats = STEP_S * np.arange(2 * WEEK + DAY, dtype=np.float64)


def weekly(*, seed: int = 3) -> Floats:
    """A swing a day, and a batch job that triples the load once a week for two hours."""
    rng = np.random.default_rng(seed)
    at = np.arange(len(TIMES))
    load = 100 + 30 * np.sin(at * 2 * np.pi / DAY) + rng.normal(0, 2, len(at))
    load[(at % WEEK >= DAY - 8) & (at % WEEK < DAY)] += 200
    found: Floats = load
    return found


def judged(values: Floats, kind: Trouble = Trouble.LEVEL_SHIFT) -> Opinion:
    found = opinion(TIMES[: len(values)], values, kind=kind)
    assert found is not None
    return found


def test_what_comes_every_week_is_usual() -> None:
    values = weekly()[:-4]  # in the midst of the weekly job
    assert values[-1] > 250
    found = judged(values)
    assert found.is_usual
    assert not found.is_confirmed
    assert found.method == "MSTL over day and week"


def test_the_same_at_another_time_is_confirmed() -> None:
    values = weekly()[: 2 * WEEK - 60]
    values[-6:] += 200
    found = judged(values)
    assert found.is_confirmed
    assert found.deviations > 10
    assert found.expected < 140


def test_a_single_point_is_a_spike_and_several_are_a_level() -> None:
    spike, level = weekly()[: 2 * WEEK - 60], weekly()[: 2 * WEEK - 60]
    spike[-1] += 200
    level[-8:] += 200
    assert judged(spike).kind is Trouble.SPIKE
    assert judged(level).kind in {Trouble.LEVEL_SHIFT, Trouble.SEASONAL_BREAK}
    assert judged(level, Trouble.FLATLINE).kind is Trouble.FLATLINE


@pytest.mark.parametrize(
    "values",
    [
        weekly()[: 2 * DAY],  # no third day
        np.full(len(TIMES), np.nan),
        np.where(np.arange(len(TIMES)) % 3 == 0, np.nan, weekly()),  # holed
        np.append(weekly()[:-1], np.nan),  # nothing newest to judge
        np.empty(0),
    ],
)
def test_without_a_history_it_has_no_opinion(values: Floats) -> None:
    assert opinion(TIMES[: len(values)], values, kind=Trouble.SPIKE) is None


def test_a_few_days_are_enough_for_the_day() -> None:
    found = judged(weekly()[DAY : 5 * DAY])
    assert found.method == "MSTL over day"
    assert found.is_usual


def test_units_do_not_matter() -> None:
    values = weekly()[: 2 * WEEK - 60]
    values[-6:] += 200
    assert judged(1e6 * values).deviations == pytest.approx(judged(values).deviations, rel=1e-3)
    assert len(values) <= MAX_POINTS
