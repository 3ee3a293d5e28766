"""Approvals and actions over the API, against a real endpoint: the same rules as on the pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.lifecycle import State
from incidents.models import Incident
from incidents.permissions import Role
from remediation.models import Approval, Execution, Plan
from remediation.types import ExecutionState, Mode
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem
from tests.integration.remediation.conftest import World

pytestmark = pytest.mark.django_db
CallAs = Callable[[User], Caller]


@pytest.fixture
def plan(world: World) -> Plan:
    return world.planned()


@pytest.fixture
def ana(world: World, call_as: CallAs) -> Caller:
    return call_as(world.ana)


def path_of(plan: Plan, verb: str = "") -> str:
    pending = Approval.objects.get(plan=plan, state=Approval.State.PENDING)
    return f"/approvals/{pending.pk}" + (f"/{verb}" if verb else "")


def said_by(name: str, mode: str = "live", **more: Any) -> dict[str, Any]:
    return {"approved_by": name, "execution_mode": mode, **more}


def test_what_waits_is_told_to_everybody_who_may_look(plan: Plan, call_as: CallAs) -> None:
    caller = call_as(make.person(Role.VIEWER))
    (item,) = caller.get("/approvals/pending").json()["items"]
    assert (item["plan"], item["plan_hash"]) == (str(plan.pk), plan.plan_hash)
    assert (item["incident"], item["state"], item["needed"]) == ("INC-1", "pending", 1)
    assert caller.get(f"/approvals/{item['id']}").json() == item
    told = caller.get(f"/actions/{plan.pk}").json()
    assert (told["action"], told["state"], told["executions"]) == ("restart", "proposed", [])


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_only_approvers_decide(plan: Plan, role: Role, call_as: CallAs) -> None:
    user = make.person(role)
    caller = call_as(user)
    said = assert_problem(
        caller.post(path_of(plan, "approve"), said_by(user.username)), 403, "approver or admin"
    )
    assert said["roles"] == ["approver", "admin"]
    assert_problem(caller.post(path_of(plan, "reject"), {"comment": "no"}), 403)
    assert not Execution.objects.exists()
    assert Approval.objects.get().state == Approval.State.PENDING


def test_one_approves_in_ones_own_name_only(world: World, plan: Plan, ana: Caller) -> None:
    said = assert_problem(ana.post(path_of(plan, "approve"), said_by("ben")), 403, "ana")
    assert said["rule"] == "separation"
    rejected = {"rejected_by": "ben", "comment": "no"}
    assert_problem(ana.post(path_of(plan, "reject"), rejected), 403, "rejected_by")
    assert Approval.objects.get().state == Approval.State.PENDING
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"execution_mode": "live"}, "approved_by"),
        ({"approved_by": "ana"}, "execution_mode"),
        ({"approved_by": "ana", "execution_mode": "yolo"}, "execution_mode"),
        (said_by("ana", comment="a\x00b"), "comment"),
        (said_by("ana", comment="x" * 1001), "comment"),
    ],
)
def test_a_wrong_decision_names_the_field(
    plan: Plan, ana: Caller, given: dict[str, Any], field: str
) -> None:
    said = assert_problem(ana.post(path_of(plan, "approve"), given), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert not Execution.objects.exists()


def test_a_dry_run_changes_nothing_and_asks_again(world: World, plan: Plan, ana: Caller) -> None:
    answer = ana.post(path_of(plan, "approve"), said_by("ana", "dry_run"))
    said = answer.json()
    assert (answer.status_code, said["execution"], said["request"]["state"]) == (
        202,
        None,
        "waiting",
    )
    assert (said["approval"]["state"], said["request"]["kind"]) == ("pending", "dry_run")
    again = assert_problem(ana.post(path_of(plan, "approve"), said_by("ana", "dry_run")), 409)
    assert again["rule"] == "one_request"
    world.answer()
    told = ana.get(f"/actions/requests/{said['request']['id']}").json()
    assert (told["state"], told["plan"], told["refusal"]) == ("done", str(plan.pk), "")
    assert (told["execution"]["mode"], told["execution"]["state"]) == ("dry_run", "succeeded")
    assert world.server.effects == []
    assert path_of(plan) != f"/approvals/{said['approval']['id']}"
    decided = ana.get(f"/approvals/{said['approval']['id']}").json()
    assert (decided["state"], decided["decided_by"]) == ("approved", "ana")


def test_an_approval_to_go_live_leaves_one_execution(world: World, plan: Plan, ana: Caller) -> None:
    said = ana.post(path_of(plan, "approve"), said_by("ana")).json()
    execution = Execution.objects.get()
    assert said["execution"]["id"] == str(execution.pk)
    assert (execution.mode, execution.started_by) == (Mode.LIVE, world.ana)
    assert Incident.objects.get().state == State.EXECUTING
    told = ana.get(f"/actions/{plan.pk}").json()
    assert [run["id"] for run in told["executions"]] == [str(execution.pk)]


def test_a_decision_is_made_once(world: World, plan: Plan, ana: Caller, call_as: CallAs) -> None:
    decided = path_of(plan)
    ana.post(f"{decided}/approve", said_by("ana"))
    ben = call_as(world.ben)
    said = assert_problem(ben.post(f"{decided}/approve", said_by("ben")), 409, "already approved")
    assert said["rule"] == "state"
    assert_problem(ben.post(f"{decided}/reject", {"comment": "no"}), 409)
    assert Execution.objects.count() == 1


def test_what_is_rejected_is_told_with_its_reason(world: World, plan: Plan, ana: Caller) -> None:
    assert_problem(ana.post(path_of(plan, "reject"), {"comment": " "}), 422, "comment")
    said = ana.post(path_of(plan, "reject"), {"comment": "not in the sale", "rejected_by": "ana"})
    assert said.json()["approval"]["state"] == "rejected"
    assert said.json()["execution"] is None
    assert Approval.objects.get().reason == "not in the sale"
    assert ana.get("/approvals/pending").json()["items"] == []


def test_changes_are_asked_for_with_a_note(world: World, plan: Plan, ana: Caller) -> None:
    path = path_of(plan, "request-changes")
    assert_problem(ana.post(path, {"comment": ""}), 422, "comment")
    said = ana.post(path, {"comment": "one host first"}).json()["approval"]
    assert (said["state"], said["decided_by"]) == ("returned", "ana")
    (vote,) = said["votes"]
    assert (vote["decision"], vote["comment"], vote["factor"]) == (
        "return",
        "one host first",
        "token",
    )
    assert Incident.objects.get().state == State.NO_SAFE_ACTION


def test_one_approves_what_one_has_looked_at(world: World, plan: Plan, ana: Caller) -> None:
    given = said_by("ana", plan_hash="0" * 64)
    said = assert_problem(ana.post(path_of(plan, "approve"), given), 409, "look again")
    assert said["rule"] == "hash"
    given = said_by("ana", plan_hash=plan.plan_hash)
    assert ana.post(path_of(plan, "approve"), given).status_code == 200


def test_an_approval_ends_at_its_time(world: World, plan: Plan, ana: Caller) -> None:
    Approval.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    said = assert_problem(ana.post(path_of(plan, "approve"), said_by("ana")), 409, "expired")
    assert said["rule"] == "expired"


def test_the_kill_switch_stops_approvals(world: World, plan: Plan, ana: Caller) -> None:
    world.kill()
    said = assert_problem(ana.post(path_of(plan, "approve"), said_by("ana")), 409)
    assert said["rule"] == "kill_switch"


def test_high_risk_needs_words_and_more_than_a_token(world: World, plan: Plan, ana: Caller) -> None:
    Plan.objects.update(risk_band="high")
    assert assert_problem(ana.post(path_of(plan, "approve"), said_by("ana")), 422)["rule"] == (
        "reason"
    )
    given = said_by("ana", comment="nothing else is left")
    said = assert_problem(ana.post(path_of(plan, "approve"), given), 403, "sign in")
    assert said["rule"] == "step_up"
    assert not Execution.objects.exists()


def test_who_asked_for_it_does_not_approve_it(world: World, plan: Plan, call_as: CallAs) -> None:
    Plan.objects.update(requested_by=world.requester)
    rita = call_as(world.requester)
    said = assert_problem(rita.post(path_of(plan, "approve"), said_by("rita")), 403)
    assert said["rule"] == "separation"


def test_two_approvals_come_from_two_people(
    world: World, plan: Plan, ana: Caller, call_as: CallAs
) -> None:
    Approval.objects.update(needed=2)
    said = ana.post(path_of(plan, "approve"), said_by("ana")).json()
    assert (said["execution"], said["approval"]["first_approver"]) == (None, "ana")
    assert said["approval"]["state"] == "pending"
    assert_problem(ana.post(path_of(plan, "approve"), said_by("ana")), 403, "somebody else")
    said = call_as(world.ben).post(path_of(plan, "approve"), said_by("ben")).json()
    assert said["execution"]["mode"] == "live"


def test_nothing_runs_before_it_is_approved(world: World, plan: Plan, ana: Caller) -> None:
    said = assert_problem(ana.post(f"/actions/{plan.pk}/execute"), 409, "approve it first")
    assert said["rule"] == "approval"
    ana.post(path_of(plan, "approve"), said_by("ana", "dry_run"))
    world.answer()
    assert_problem(ana.post(f"/actions/{plan.pk}/execute"), 409, "approve it first")
    assert not Execution.objects.filter(mode=Mode.LIVE).exists()


def test_waking_an_approved_action_again_runs_it_once(
    world: World, plan: Plan, ana: Caller
) -> None:
    ana.post(path_of(plan, "approve"), said_by("ana"))
    first = ana.post(f"/actions/{plan.pk}/execute")
    assert (first.status_code, first.json()["state"]) == (202, ExecutionState.APPROVED)
    assert ana.post(f"/actions/{plan.pk}/execute").json()["id"] == first.json()["id"]
    world.run(Execution.objects.get())
    after = ana.post(f"/actions/{plan.pk}/execute").json()
    assert (after["id"], after["state"]) == (first.json()["id"], ExecutionState.VERIFYING)
    assert len(world.server.effects) == 1


def test_a_viewer_wakes_nothing(plan: Plan, call_as: CallAs) -> None:
    caller = call_as(make.person(Role.VIEWER))
    assert_problem(caller.post(f"/actions/{plan.pk}/execute"), 403, "needs the role")
