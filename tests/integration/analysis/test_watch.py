"""One look through a detector: what it stores, extends, ends and admits."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.commands import watch as watching
from analysis.commands.look_metrics import settings_of
from analysis.models import Anomaly, Detector
from analysis.perception.settings import DetectorSettings
from tests.integration.analysis.conftest import Watch, later, look

pytestmark = pytest.mark.django_db


def run(detector: Detector) -> Detector:
    look(detector)
    return detector


def test_a_healthy_service_leaves_nothing(watch: Watch) -> None:
    errors = run(watch.detector("errors", "payments", "checkout"))
    assert Anomaly.objects.count() == 0
    assert errors.last_series_count == 2
    assert errors.last_run_at == clock.now()
    watch.connector.refresh_from_db()
    assert watch.connector.last_ok_at == clock.now()


def test_trouble_becomes_an_anomaly_with_its_band_and_service(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", "checkout")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    (found,) = watch.open_anomalies()
    assert found.service is not None
    assert found.service.name == "payments"
    assert (found.direction, found.value) == ("up", 0.6)
    assert found.low <= found.expected < found.high < 0.1
    assert found.started_at == later(0)
    assert found.last_at == later(30)


def test_the_same_trouble_is_extended_not_repeated(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    for _ in range(5):
        watch.wait(30)
        run(errors)
        run(errors)
    (found,) = Anomaly.objects.all()
    assert found.last_at == later(150)


def test_a_long_trouble_is_held_against_the_band_it_left(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    watch.wait(1200)
    run(errors)
    assert len(watch.open_anomalies()) == 1


def test_back_in_band_it_ends(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    watch.shift("errors", "payments", 0.01)
    watch.wait(5)
    run(errors)
    assert len(watch.open_anomalies()) == 1
    watch.wait(10)
    run(errors)
    assert watch.open_anomalies() == []
    assert Anomaly.objects.get().ended_at == later(45)


def test_the_way_back_to_normal_is_no_new_trouble(watch: Watch) -> None:
    traffic = watch.detector("traffic", "gateway", direction="both")
    watch.shift("traffic", "gateway", 50.0)
    watch.wait(30)
    run(traffic)
    watch.wait(600)
    run(traffic)
    watch.shift("traffic", "gateway", 0.01)
    for _ in range(6):
        watch.wait(30)
        run(traffic)
    assert Anomaly.objects.count() == 1
    assert watch.open_anomalies() == []


def test_a_second_fault_after_the_first_is_new(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    for _ in range(2):
        watch.shift("errors", "payments", 0.6)
        watch.wait(30)
        run(errors)
        watch.shift("errors", "payments", 0.01)
        watch.wait(30)
        run(errors)
    assert Anomaly.objects.count() == 2


def test_out_of_band_for_an_hour_and_steady_is_the_new_normal(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    watch.wait(3700)
    run(errors)
    assert watch.open_anomalies() == []


def test_an_instance_that_is_no_more_ends_its_anomaly_after_a_while(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    watch.fake.metrics.series.clear()
    watch.fake.metrics.put("errors", watch.read("errors", "x"), service="x")
    watch.wait(120)
    run(errors)
    assert len(watch.open_anomalies()) == 1
    watch.wait(600)
    run(errors)
    assert Anomaly.objects.get().ended_at == later(30)


def test_a_dead_source_is_an_error_on_the_row_and_no_verdict(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.connector.url = "http://127.0.0.1:9"
    watch.connector.save()
    run(errors)
    assert "127.0.0.1:9" in errors.last_error
    assert errors.last_run_at == clock.now()
    watch.connector.refresh_from_db()
    assert watch.connector.last_error == errors.last_error
    assert watch.connector.last_error_at == clock.now()
    watch.connector.url = watch.fake.url
    watch.connector.save()
    run(errors)
    assert errors.last_error == ""


def test_a_missing_secret_is_named(watch: Watch) -> None:
    watch.connector.secret_ref = "NOT_THERE"
    watch.connector.save()
    assert "AIRRA_SECRET_NOT_THERE" in run(watch.detector("errors", "payments")).last_error


def test_a_detector_switched_off_or_gone_does_nothing(watch: Watch) -> None:
    errors = run(watch.detector("errors", "payments", is_enabled=False))
    assert errors.last_run_at is None
    watching.run(detector_ids=[str(watch.connector.pk)], claimed_at=clock.now())


def test_a_series_without_the_service_label_is_kept_without_a_service(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", service_label="app")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    (found,) = watch.open_anomalies()
    assert found.service is None
    assert found.incident is None


def test_what_is_measured_in_benchmarks_is_what_ships(watch: Watch) -> None:
    row = Detector(workspace=watch.workspace, connector=watch.connector, name="new", query="x")
    assert settings_of(row) == DetectorSettings()


def claimed(watch: Watch) -> list[str]:
    now = clock.now()
    return list(Detector.objects.filter(lease_until__gt=now).values_list("name", flat=True))


@pytest.fixture
def two(watch: Watch) -> tuple[Detector, Detector]:
    return watch.detector("errors", "payments"), watch.detector("latency", "payments")


def test_a_scan_claims_what_is_due_once(watch: Watch, two: tuple[Detector, Detector]) -> None:
    assert watching.scan() == 2
    assert watching.scan() == 0
    assert sorted(claimed(watch)) == ["errors", "latency"]


def test_a_beat_that_ticks_a_little_early_skips_no_turn(
    watch: Watch, two: tuple[Detector, Detector]
) -> None:
    for _ in range(4):
        assert watching.scan() == 2
        for detector in two:
            run(detector)
        watch.wait(29.9)


def test_a_killed_workers_lease_ends_and_the_turn_is_caught_up(
    watch: Watch, two: tuple[Detector, Detector]
) -> None:
    watching.scan()
    watch.wait(45)
    assert watching.scan() == 0
    watch.wait(30)
    assert watching.scan() == 2


def test_neither_disabled_detectors_nor_those_of_a_disabled_source_are_due(
    watch: Watch, two: tuple[Detector, Detector]
) -> None:
    Detector.objects.filter(pk=two[0].pk).update(is_enabled=False)
    assert [d.name for d in watching.due_detectors(clock.now())] == ["latency"]
    watch.connector.is_enabled = False
    watch.connector.save()
    assert not watching.due_detectors(clock.now()).exists()


def test_a_run_gives_the_lease_back(watch: Watch, two: tuple[Detector, Detector]) -> None:
    watching.scan()
    run(two[0])
    assert claimed(watch) == ["latency"]
    assert two[0].next_run_at == clock.now() + timedelta(seconds=27)
