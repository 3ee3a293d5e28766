"""A suspect is judged by weeks of its own history before it may open anything."""

import math

import pytest

from analysis.models import Anomaly, Detector
from incidents.models import Incident
from tests.integration.analysis.conftest import NOON, Watch, look

pytestmark = pytest.mark.django_db
DAY_S, WEEK_S = 86_400, 7 * 86_400


def busy_once_a_week(at: float) -> float:
    """A batch job from 10:00 to 14:00 of the weekday on which the test plays; small noise."""
    noise = 0.002 * ((int(at) // 300 * 7919) % 11)
    since = (at - NOON.timestamp()) % WEEK_S
    is_running = since < 2 * 3_600 or since >= WEEK_S - 2 * 3_600
    return 0.2 + noise + (0.5 if is_running else 0.0)


def watched(watch: Watch, value: object, **fields: object) -> Detector:
    watch.fake.metrics.put("cpu", value, service="payments")  # type: ignore[arg-type]  # a function of time
    return watch.detector("cpu", step_s=300, interval_s=300, history_s=2 * DAY_S, **fields)


def play(watch: Watch, cpu: Detector, *, start_s: float, hours: float) -> None:
    watch.wait(start_s)
    for _ in range(int(hours * 12)):
        watch.wait(300)
        look(cpu)


def test_what_comes_every_week_is_evidence_and_opens_nothing(watch: Watch) -> None:
    cpu = watched(watch, busy_once_a_week)
    play(watch, cpu, start_s=-3 * 3_600, hours=2)
    found = Anomaly.objects.get()
    assert not found.may_open
    assert found.details["verdict"] == "usual for this time of the day or week"
    assert "usual for this time" in found.reason
    assert Incident.objects.count() == 0


def test_the_same_on_another_day_is_confirmed_and_opens(watch: Watch) -> None:
    day_s = 3 * DAY_S
    cpu = watched(
        watch, lambda at: busy_once_a_week(at) + (0.5 if at >= NOON.timestamp() + day_s else 0)
    )
    play(watch, cpu, start_s=day_s - 3_600, hours=2)
    found = Anomaly.objects.get()
    assert found.details["verdict"] == "confirmed by its history"
    assert found.details["second_pass"].startswith("MSTL")
    assert Incident.objects.count() == 1


def test_without_weeks_of_history_the_first_pass_stands(watch: Watch) -> None:
    began = NOON.timestamp() - 1_800
    cpu = watched(
        watch, lambda at: math.nan if at < began else 0.2 + (0.5 if at >= NOON.timestamp() else 0)
    )
    Detector.objects.update(step_s=5, interval_s=30)
    cpu.refresh_from_db()
    for _ in range(4):
        watch.wait(30)
        look(cpu)
    assert "second_pass" not in Anomaly.objects.get().details
    assert Incident.objects.count() == 1
