"""Incidents over the API: report, read, move, and how each refusal is told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.commands import incident as commands
from incidents.lifecycle import State
from incidents.models import Incident, Service
from tests.factories import incidents as make
from tests.factories import remediation as story
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db
REPORT = {"title": "checkout fails", "affected_service": "checkout", "severity": "high"}


@pytest.fixture
def remi(responder: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(responder)


@pytest.fixture
def vera(viewer: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(viewer)


def test_a_report_opens_an_incident(remi: Caller) -> None:
    answer = remi.post("/incidents", {**REPORT, "metrics_snapshot": {"error_ratio": 0.4}})
    assert answer.status_code == 201
    said = answer.json()
    assert said["key"] == "INC-1"
    assert (said["state"], said["severity"], said["service"]) == ("open", "high", "checkout")
    assert (said["source"], said["metrics_snapshot"]) == ("api", {"error_ratio": 0.4})
    assert Incident.objects.get().events.get().author == User.objects.get(username="remi")


def test_the_same_report_again_joins(remi: Caller) -> None:
    remi.post("/incidents", REPORT)
    again = remi.post("/incidents", {**REPORT, "title": " Checkout  FAILS ", "severity": "low"})
    assert (again.status_code, again.json()["key"]) == (200, "INC-1")
    assert remi.post("/incidents", {**REPORT, "affected_service": ""}).status_code == 201
    assert Incident.objects.count() == 2


def test_after_it_is_resolved_the_same_report_opens_another(remi: Caller) -> None:
    remi.post("/incidents", REPORT)
    remi.post("/incidents/INC-1/resolve", {"resolution": "rolled back"})
    assert remi.post("/incidents", REPORT).json()["key"] == "INC-2"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": 5}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "x", "description": "a\x00b"}, "description"),
        ({"title": "x", "affected_service": "a\x00b"}, "affected_service"),
        ({"title": "x", "affected_service": "s" * 121}, "affected_service"),
        ({"title": "x", "severity": "page"}, "severity"),
        ({"title": "x", "metrics_snapshot": {"a": "much"}}, "metrics_snapshot.a"),
        ({"title": "x", "metrics_snapshot": {"a": float("inf")}}, "metrics_snapshot.a"),
        ({"title": "x", "metrics_snapshot": {"a": float("nan")}}, "metrics_snapshot.a"),
        ({"title": "x", "metrics_snapshot": [1]}, "metrics_snapshot"),
    ],
)
def test_a_wrong_report_names_the_field(remi: Caller, given: dict[str, Any], field: str) -> None:
    said = assert_problem(remi.post("/incidents", given), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert not Incident.objects.exists()
    assert not Service.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b'{"title": "\\ud800"}', b"[" * 5000])
def test_a_body_that_is_no_json_is_a_bad_request(remi: Caller, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {remi.token}"}
    answer = Client(headers=headers).post("/api/v1/incidents", body, "application/json")
    assert answer.status_code in {400, 422}
    assert_problem(answer, answer.status_code)


def test_a_viewer_reads_and_changes_nothing(vera: Caller) -> None:
    make.incident()
    for path, body in (
        ("/incidents", REPORT),
        ("/incidents/INC-1/acknowledge", {}),
        ("/incidents/INC-1/resolve", {"resolution": "x"}),
        ("/incidents/INC-1/reopen", {"reason": "x"}),
        ("/incidents/INC-1/notes", {"text": "x"}),
        ("/incidents/INC-1/analyze", {}),
    ):
        said = assert_problem(vera.post(path, body), 403, "needs the role")
        assert said["roles"] == ["responder", "approver", "admin"]
    assert Incident.objects.get().events.count() == 1
    assert not Service.objects.exists()


def test_an_incident_is_told_with_what_every_app_knows(vera: Caller) -> None:
    story.with_story()
    said = vera.get("/incidents/INC-1").json()
    assert (said["state"], said["service"]) == ("awaiting_approval", "payments")
    assert said["plan"]["title"] == "Restart payments"
    assert [h["rank"] for h in said["hypotheses"]] == [1, 2, 3]
    assert said["hypotheses"][0]["claims"][0]["evidence"] == ["E1"]
    assert said["timeline"] == vera.get("/incidents/INC-1/timeline").json()
    ids = [event["id"] for event in said["timeline"]]
    assert ids == sorted(ids)


def test_a_key_is_read_in_any_case(vera: Caller) -> None:
    make.incident()
    assert vera.get("/incidents/inc-1").json()["key"] == "INC-1"
    assert vera.get("/incidents/1").json()["key"] == "INC-1"


def test_the_first_to_acknowledge_wins(remi: Caller, approver: User) -> None:
    commands.acknowledge(incident=make.incident(), by=approver)
    said = assert_problem(remi.post("/incidents/INC-1/acknowledge"), 409)
    assert said["newer"]
    assert Incident.objects.get().owner == approver


def test_acknowledging_answers_the_incident_as_it_is_now(remi: Caller) -> None:
    make.incident()
    said = remi.post("/incidents/INC-1/acknowledge").json()
    assert (said["state"], said["owner"]) == ("acknowledged", "remi")
    assert said["acknowledged_at"]


def test_resolve_and_reopen_and_what_the_table_forbids(remi: Caller) -> None:
    make.incident()
    assert_problem(remi.post("/incidents/INC-1/reopen", {"reason": "x"}), 409, "cannot go from")
    said = remi.post("/incidents/INC-1/resolve", {"resolution": "rolled back"}).json()
    assert (said["state"], said["resolution"]) == ("resolved", "rolled back")
    assert_problem(remi.post("/incidents/INC-1/resolve", {"resolution": "again"}), 409)
    said = remi.post("/incidents/INC-1/reopen", {"reason": "came back"}).json()
    assert (said["state"], said["resolved_at"]) == ("open", None)


def test_reopening_what_a_newer_incident_is_about_is_refused(remi: Caller) -> None:
    remi.post("/incidents", REPORT)
    remi.post("/incidents/INC-1/resolve", {"resolution": "done"})
    remi.post("/incidents", REPORT)
    assert_problem(remi.post("/incidents/INC-1/reopen", {"reason": "x"}), 422, "INC-2 is open")


def test_a_note_joins_the_timeline(remi: Caller) -> None:
    make.incident()
    answer = remi.post("/incidents/INC-1/notes", {"text": "<b>the deploy</b>"})
    assert answer.status_code == 201
    assert (answer.json()["kind"], answer.json()["actor"]) == ("note", "remi")
    assert remi.get("/incidents/INC-1/timeline").json()[-1] == answer.json()


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "x" * 10_001, None])
def test_a_note_needs_some_text(remi: Caller, text: object) -> None:
    make.incident()
    assert_problem(remi.post("/incidents/INC-1/notes", {"text": text}), 422)
    assert Incident.objects.get().events.count() == 1


def test_asking_twice_looks_for_the_cause_once(remi: Caller) -> None:
    make.incident()
    assert_problem(remi.get("/incidents/INC-1/investigation"), 404, "analyze starts it")
    first = remi.post("/incidents/INC-1/analyze")
    assert (first.status_code, first.json()["incident"]) == (202, "INC-1")
    again = remi.post("/incidents/INC-1/analyze")
    assert again.json()["investigation"]["id"] == first.json()["investigation"]["id"]
    found = remi.get("/incidents/INC-1/investigation").json()
    assert (found["id"], found["state"]) == (first.json()["investigation"]["id"], "queued")


def test_an_investigation_is_told_with_its_evidence(remi: Caller) -> None:
    story.with_story()
    said = remi.get("/incidents/INC-1/investigation").json()
    assert (said["state"], said["reasoner"]) == ("settled", "offline")
    assert [piece["seq"] for piece in said["evidence"]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("state", [State.RESOLVED, State.EXECUTING])
def test_there_is_a_time_to_look_for_the_cause(remi: Caller, state: State) -> None:
    make.incident(state=state)
    assert_problem(remi.post("/incidents/INC-1/analyze"), 409, "nothing to investigate now")
