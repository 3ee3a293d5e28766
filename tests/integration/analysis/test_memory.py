"""What a detector remembers: kept, saved, rebuilt, and the same whichever way it was come by."""

import math
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import pytest
from pytest_httpserver import HTTPServer

from airra.lib import clock
from analysis.commands import memory
from analysis.models import Anomaly, Detector, DetectorState, SeriesTuning
from tests.integration.analysis.conftest import NOON, Watch, look

pytestmark = pytest.mark.django_db
Asked = Callable[[], list[float]]


def recalled(detector: Detector) -> memory.Memory:
    found = memory.recall(Detector.objects.get(pk=detector.pk))
    memory.keep(detector, found)
    return found


@pytest.fixture
def asked(httpserver: HTTPServer) -> Callable[[], list[float]]:
    """How many seconds of history each range query at the detector's own step asked for."""

    def seconds() -> list[float]:
        forms = [
            request.form
            for request, _ in httpserver.log
            if request.form.get("step") in {"5", "300"}
        ]
        return [float(form["end"]) - float(form["start"]) for form in forms]

    return seconds


def test_history_is_read_once_and_then_only_what_is_new(watch: Watch, asked: Asked) -> None:
    errors = watch.detector("errors", "payments", "checkout")
    look(errors)
    watch.wait(30)
    look(errors)
    assert asked() == [900.0, 25.0]


def test_no_more_history_is_read_than_there_is(watch: Watch, asked: Asked) -> None:
    young = NOON.timestamp() - 200
    errors = watch.detector("errors", "payments", history_s=86_400)
    watch.fake.metrics.series["errors"] = [
        ({"service": "payments"}, lambda at: 0.01 if at >= young else math.nan)
    ]
    look(errors)
    assert 200 <= asked()[0] <= 2_200


def test_another_worker_goes_on_from_what_was_saved(watch: Watch, asked: Asked) -> None:
    errors = watch.detector("errors", "payments")
    look(errors)
    memory.forget_all()
    watch.wait(30)
    look(errors)
    assert asked()[-1] == 25.0


def test_it_is_saved_only_now_and_then(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    look(errors)
    saved_at = DetectorState.objects.get().saved_at
    watch.wait(30)
    look(errors)
    assert DetectorState.objects.get().saved_at == saved_at
    watch.wait(300)
    look(errors)
    assert DetectorState.objects.get().saved_at == clock.now()


def test_an_old_copy_catches_up_to_the_same_state(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", "checkout")
    look(errors)
    for _ in range(4):
        watch.wait(30)
        look(errors)
    kept = recalled(errors).bank.to_bytes()
    memory.forget_all()  # what this worker knew is gone; the saved copy is four looks old
    look(errors)
    assert recalled(errors).bank.to_bytes() == kept


def test_catching_up_raises_nothing_anew(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    look(errors)
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    look(errors)
    watch.shift("errors", "payments", 0.01)
    watch.wait(30)
    look(errors)
    assert Anomaly.objects.filter(ended_at__isnull=False).count() == 1
    memory.forget_all()
    watch.wait(30)
    look(errors)
    assert Anomaly.objects.count() == 1


def test_a_newer_saved_copy_wins_over_ones_own(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    look(errors)
    newer = clock.now() + timedelta(seconds=60)
    DetectorState.objects.update(newest_at=newer)
    assert recalled(errors).newest == newer.timestamp()


@pytest.mark.parametrize("raw", [b"", b"not a bank", b"\x00" * 400])
def test_what_cannot_be_read_is_built_anew(watch: Watch, asked: Asked, raw: bytes) -> None:
    errors = watch.detector("errors", "payments")
    look(errors)
    memory.forget_all()
    DetectorState.objects.update(arrays=raw)
    watch.wait(30)
    look(errors)
    assert asked()[-1] == 900.0
    assert errors.last_error == ""


def test_another_query_is_another_memory(watch: Watch) -> None:
    errors = watch.detector("errors", "payments")
    watch.detector("latency", "payments", "checkout", "gateway")
    look(errors)
    Detector.objects.filter(pk=errors.pk).update(query="latency")
    watch.wait(30)
    look(Detector.objects.get(pk=errors.pk))
    assert len(recalled(Detector.objects.get(pk=errors.pk)).labels) == 3
    assert DetectorState.objects.filter(detector=errors).count() == 1


def test_a_new_series_gets_a_row_of_its_own_and_the_others_keep_theirs(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", "search")
    look(errors)
    before = recalled(errors).rows
    watch.fake.metrics.put("errors", watch.read("errors", "checkout"), service="checkout")
    watch.wait(30)
    look(errors)
    after = recalled(errors).rows
    assert len(after) == 3
    assert before.items() <= after.items()


def test_a_series_gone_for_a_day_makes_room(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", "search", step_s=300, interval_s=300)
    look(errors)
    watch.fake.metrics.series["errors"].pop()
    for _ in range(3):
        watch.wait(12 * 3600 + 300)
        look(errors)
    assert [dict(labels)["service"] for labels in recalled(errors).labels] == ["payments"]


def test_what_people_taught_of_a_series_widens_its_band(watch: Watch) -> None:
    errors = watch.detector("errors", "payments", "checkout", floor=0.0)
    look(errors)
    taught = next(k for k in recalled(errors).rows if "payments" in k)
    SeriesTuning.objects.create(detector=errors, series_key=taught, tolerance=16)
    for service in ("payments", "checkout"):
        watch.shift("errors", service, 0.015)
    watch.wait(30)
    look(errors)
    assert [a.labels["service"] for a in Anomaly.objects.all()] == ["checkout"]


def test_keeping_is_bounded(watch: Watch, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MAX_KEPT_BYTES", 10)
    many = [watch.detector(f"metric{i}", "payments") for i in range(3)]
    look(*many)
    watch.wait(30)
    look(*many)
    assert np.allclose(asked()[-3:], 25.0), "those dropped go on from what was saved"
