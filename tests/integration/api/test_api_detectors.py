"""Detectors, anomalies and sources over the API: the pages' own rules, and never a secret."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from analysis.models import Anomaly, SeriesTuning
from tests.factories import analysis
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def remi(responder: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(responder)


@pytest.fixture
def found() -> Anomaly:
    return analysis.anomaly(make.incident(about=make.service("payments")), p_value=1e-5)


def test_sources_tell_their_health_and_no_secret(
    remi: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_PROM", "hush-hush")
    since = clock.now() - timedelta(hours=1)
    analysis.connector(name="dead", secret_ref="prom", failing_since=since, last_error="refused")
    analysis.connector(name="elsewhere", place=make.workspace("elsewhere"))
    answer = remi.get("/sources")
    (one,) = answer.json()
    assert (one["name"], one["health"], one["last_error"]) == ("dead", "failing", "refused")
    assert one["secret_ref"] == "prom"
    assert "hush-hush" not in answer.content.decode()


def test_detectors_tell_how_they_fare(remi: Caller, found: Anomaly) -> None:
    analysis.detector("quiet", is_enabled=False, query="up")
    (one,) = remi.get("/detectors", standing="anomalous").json()
    assert (one["name"], one["rule"], one["hits"], one["in_incidents"]) == (
        "memory", "adaptive", 1, 1,
    )  # fmt: skip
    assert one == remi.get(f"/detectors/{found.detector_id}").json()
    assert [row["name"] for row in remi.get("/detectors").json()] == ["memory", "quiet"]


def test_what_lies_elsewhere_is_not_found(remi: Caller, responder: User) -> None:
    there = make.workspace("elsewhere")
    theirs = analysis.anomaly(make.incident(place=there, about=make.service("x", place=there)))
    assert_problem(remi.get(f"/detectors/{theirs.detector_id}"), 404)
    assert_problem(remi.get(f"/detectors/{theirs.detector_id}/anomalies"), 404)
    assert_problem(remi.post(f"/anomalies/{theirs.pk}/feedback", {"feedback": "real"}), 404)


def test_anomalies_come_in_pages(remi: Caller, found: Anomaly) -> None:
    for number in range(4):
        began = clock.now() - timedelta(hours=number)
        assert found.incident is not None
        analysis.anomaly(found.incident, started_at=began, ended_at=began)
    path = f"/detectors/{found.detector_id}/anomalies"
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while cursor != {"cursor": None}:
        page = remi.get(path, limit=2, **cursor).json()
        seen += [row["id"] for row in page["items"]]
        cursor = {"cursor": page["next"]}
    assert len(seen) == len(set(seen)) == 5
    assert seen[-1] == str(found.pk)
    assert_problem(remi.get(path, cursor="x"), 422)
    assert_problem(remi.get(path, limit=0), 422)


def test_a_word_does_what_the_button_does(remi: Caller, found: Anomaly) -> None:
    path = f"/anomalies/{found.pk}/feedback"
    said = remi.post(path, {"feedback": "not_an_anomaly"}).json()
    assert said["feedback"] == "not_an_anomaly"
    assert said["ended_at"] is not None
    assert said["lesson"] == "Noted. payments alarms at 8.8 times its usual departure now."
    assert remi.post(path, {"feedback": "not_an_anomaly"}).status_code == 200
    assert SeriesTuning.objects.get().not_anomalies == 1
    back = remi.post(path, {"feedback": ""}).json()
    assert (back["feedback"], back["feedback_at"]) == ("", None)
    assert_problem(remi.post(path, {"feedback": "perhaps"}), 422)


def test_a_viewer_has_no_word(
    viewer: User, call_as: Callable[[User], Caller], found: Anomaly
) -> None:
    answer = call_as(viewer).post(f"/anomalies/{found.pk}/feedback", {"feedback": "real"})
    assert_problem(answer, 403)
