"""A safe action for what is only foretold: proved by the series turning back from its limit."""

from datetime import timedelta
from typing import Any

import pytest

from airra.lib import clock
from analysis.models import Anomaly, Forecast
from incidents.lifecycle import State
from remediation.commands.acting import plan as plans
from remediation.types import ExecutionState
from tests.integration.remediation.conftest import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def foretold(world: World) -> Forecast:
    """The metric of the world at 80 % and on its way to 100 %; nothing has alarmed."""
    Anomaly.objects.all().delete()
    world.incident.is_predicted = True
    world.incident.save()
    world.metric.told.clear()
    world.metric.say(0.8)
    now = clock.now()
    times = {"earliest_at": 30, "expected_at": 45, "latest_at": 60}
    at: dict[str, Any] = {name: now + timedelta(minutes=m) for name, m in times.items()}
    return Forecast.objects.create(
        detector=world.detector,
        service=world.service,
        incident=world.incident,
        series_key="service=payments",
        value=0.7,
        newest_value=0.8,
        limit=1.0,
        **at,
        **{f"newest_{name}": moment for name, moment in at.items()},
    )


def test_the_series_must_turn_back_by_a_good_part_of_what_is_left(
    world: World, foretold: Forecast
) -> None:
    prediction = world.planned().prediction
    assert (prediction["direction"], prediction["level_before"]) == ("up", 0.8)
    assert prediction["threshold"] == pytest.approx(0.75)


def test_towards_a_lower_limit_it_must_rise(world: World, foretold: Forecast) -> None:
    Forecast.objects.update(limit=0.0, value=0.9)
    prediction = world.planned().prediction
    assert prediction["direction"] == "down"
    assert prediction["threshold"] == pytest.approx(1.0)


def test_a_budget_is_no_series_that_could_turn(world: World, foretold: Forecast) -> None:
    world.detector.rule = "burn_rate"
    world.detector.save()
    assert plans.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "no recovery could be proved" in world.last_event().text


def test_the_action_is_proved_and_ends_the_prediction(world: World, foretold: Forecast) -> None:
    execution = world.run(world.approved())
    world.metric.value = 0.2
    execution = world.watch(execution, times=12)
    assert execution.state == ExecutionState.SUCCEEDED
    assert world.incident.state == State.RESOLVED
    assert world.incident.is_predicted
