"""The rules that learn nothing, from the query to the row: each opens, lasts and ends."""

import math
from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.models import Anomaly, Detector, Forecast
from analysis.types import Trouble
from incidents.models import Incident
from tests.integration.analysis.conftest import NOON, Watch, look

pytestmark = pytest.mark.django_db
Rule = Detector.Rule


def watching(watch: Watch, metric: str, rule: str, **fields: object) -> Detector:
    return watch.detector(metric, "payments", rule=rule, **fields)


def turns(watch: Watch, detector: Detector, scans: int) -> None:
    for _ in range(scans):
        watch.wait(30)
        look(detector)


def last(watch: Watch) -> Anomaly:
    return Anomaly.objects.order_by("started_at").last() or pytest.fail("no anomaly")


def test_a_series_that_stops_is_missed_and_its_return_ends_it(watch: Watch) -> None:
    up = watching(watch, "up", Rule.MISSING)
    turns(watch, up, 2)
    assert Anomaly.objects.count() == 0
    watch.shift("up", "payments", math.nan)
    turns(watch, up, 3)
    found = last(watch)
    assert (found.kind, found.ended_at) == (Trouble.MISSING, None)
    assert found.service is not None
    watch.shift("up", "payments", 1.0)
    turns(watch, up, 1)
    assert last(watch).ended_at is not None


def test_a_series_gone_for_good_is_forgotten(watch: Watch) -> None:
    up = watching(watch, "up", Rule.MISSING)
    turns(watch, up, 2)
    watch.shift("up", "payments", math.nan)
    turns(watch, up, 90)
    assert last(watch).ended_at is not None
    assert Anomaly.objects.count() == 1


def test_a_counter_that_starts_anew_is_told_and_passes(watch: Watch) -> None:
    began = NOON.timestamp()
    anew = began + 480
    watch.fake.metrics.put(
        "starts", lambda at: at - began + 5_000 if at < anew else at - anew, service="payments"
    )
    starts = watch.detector("starts", rule=Rule.COUNTER_RESET, floor=0)
    turns(watch, starts, 8)
    assert Anomaly.objects.count() == 0
    watch.wait(300)
    look(starts)
    found = last(watch)
    assert (found.kind, found.value, found.ended_at) == (Trouble.COUNTER_RESET, 1, None)
    assert found.details["fell_from"] > 5_000
    watch.wait(700)
    look(starts)
    assert last(watch).ended_at is not None


def test_close_to_a_limit_until_well_off_it(watch: Watch) -> None:
    disk = watching(watch, "disk", Rule.SATURATION, limit=1.0, floor=0.1)
    watch.shift("disk", "payments", 0.94)
    turns(watch, disk, 1)
    found = last(watch)
    assert (found.kind, found.value, found.high) == (Trouble.SATURATION, 0.94, 0.9)
    watch.shift("disk", "payments", 0.87)
    turns(watch, disk, 2)
    assert last(watch).ended_at is None, "below the edge, but not yet well off it"
    watch.shift("disk", "payments", 0.5)
    turns(watch, disk, 2)
    assert last(watch).ended_at is not None
    assert Anomaly.objects.count() == 1


@pytest.mark.parametrize(
    ("rule", "what"), [(Rule.SATURATION, "limit"), (Rule.BURN_RATE, "objective")]
)
def test_a_rule_without_what_it_needs_says_so_and_blames_no_source(
    watch: Watch, rule: str, what: str
) -> None:
    detector = watching(watch, "disk", rule)
    look(detector)
    assert what in detector.last_error
    watch.connector.refresh_from_db()
    assert watch.connector.failing_since is None


def test_a_fast_burn_is_trouble_now(watch: Watch) -> None:
    ratio = watching(
        watch, "ratio", Rule.BURN_RATE, objective=0.999, floor=0.0, step_s=300, history_s=300
    )
    watch.levels["ratio", "payments"] = [(0.0, 0.0), (NOON.timestamp() - 3_600, 0.05)]
    look(ratio)
    found = last(watch)
    assert (found.kind, found.details["window_s"]) == (Trouble.BURN_RATE, 3_600)
    watch.shift("ratio", "payments", 0.0)
    watch.wait(2_400)
    look(ratio)
    assert last(watch).ended_at is not None


def test_a_slow_burn_is_foretold(watch: Watch) -> None:
    ratio = watching(watch, "ratio", Rule.BURN_RATE, objective=0.999, floor=0.0, step_s=300)
    watch.levels["ratio", "payments"] = [(0.0, 0.002)]
    look(ratio)
    assert Anomaly.objects.count() == 0
    found = Forecast.objects.get()
    assert found.expected_at - clock.now() == timedelta(days=15)
    assert Incident.objects.get().is_predicted


def test_a_leak_is_foretold_with_its_interval_and_averted_by_a_restart(watch: Watch) -> None:
    began = NOON.timestamp()
    fell_at = math.inf

    def leaking(at: float) -> float:
        since = at - began if at < fell_at else at - fell_at
        return 0.1 + max(since, 0) / 10_000

    watch.fake.metrics.put("memory", leaking, service="payments")
    memory = watch.detector(
        "memory", rule=Rule.FORECAST, limit=1.0, signal="memory", step_s=30, horizon_s=21_600
    )
    turns(watch, memory, 60)
    found = Forecast.objects.get()
    assert Anomaly.objects.count() == 0
    assert found.latest_at is not None
    assert found.earliest_at < NOON + timedelta(seconds=9_000) < found.latest_at
    assert found.incident is not None
    assert found.incident.is_predicted
    fell_at = clock.now().timestamp()
    turns(watch, memory, 6)
    found.refresh_from_db()
    assert found.outcome == Forecast.Outcome.AVERTED


def test_what_arrives_is_told_by_the_forecast_that_said_so(watch: Watch) -> None:
    began = NOON.timestamp()
    watch.fake.metrics.put(
        "disk", lambda at: min(max(at - began, 0) / 4_000, 1.0), service="payments"
    )
    disk = watch.detector("disk", rule=Rule.FORECAST, limit=0.9, signal="disk", step_s=30)
    turns(watch, disk, 125)
    found = Forecast.objects.get()
    assert found.outcome == Forecast.Outcome.RIGHT
    assert found.breached_at is not None
    assert not Incident.objects.get().is_predicted
