"""A wish for a dry run is a row; the executor process carries it out, once, whoever asks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import override_settings

from airra.lib.jobs import Job, enqueue
from airra.lib.roles import WrongRole
from incidents.lifecycle import State
from remediation.commands import approval as approvals
from remediation.commands import plan as plans
from remediation.commands.acting import request as acting
from remediation.commands.acting.endpoint import executor_of
from remediation.commands.refusal import Refused
from remediation.commands.sweep import sweep
from remediation.models import Approval, Plan, PlanRequest
from tests.integration.remediation.conftest import World
from tests.rivals import at_once, needs_rivals


def wished(world: World, **said: Any) -> PlanRequest:
    fields = {"action": "restart", "service": "payments", "params": {}, **said}
    return plans.request_action(incident=world.incident, by=world.requester, **fields)


def test_asking_for_an_action_asks_no_target_by_itself(world: World) -> None:
    wish = wished(world)
    assert world.server.requests == []
    assert (wish.state, Plan.objects.count()) == (PlanRequest.State.WAITING, 0)
    plan = world.answered(wish)
    wish.refresh_from_db()
    assert (wish.state, plan.requested_by) == (PlanRequest.State.DONE, world.requester)
    assert world.incident.state == State.AWAITING_APPROVAL


def test_carried_out_twice_it_is_done_once(world: World) -> None:
    wish = wished(world)
    world.answered(wish)
    asked = len(world.server.requests)
    acting.carry_out(request_id=str(wish.pk))
    assert len(world.server.requests) == asked
    assert Plan.objects.count() == 1


def test_one_wish_of_an_incident_waits_at_a_time(world: World) -> None:
    wish = wished(world)
    with pytest.raises(Refused, match="asked for INC-1 already") as refused:
        wished(world, action="scale", params={"replicas": 3})
    assert refused.value.rule == "one_request"
    again = PlanRequest(incident=wish.incident, kind=PlanRequest.Kind.ACTION)
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save()


@pytest.mark.parametrize(
    "broken",
    [
        {"kind": PlanRequest.Kind.REVISE},
        {"kind": PlanRequest.Kind.DRY_RUN},
        {"kind": PlanRequest.Kind.ACTION, "state": PlanRequest.State.REFUSED},
    ],
)
def test_a_row_that_names_nothing_or_refuses_without_words_is_refused(
    world: World, broken: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        PlanRequest.objects.create(incident=world.incident, **broken)


def test_a_refusal_says_which_rule_and_why_and_lets_people_ask_again(world: World) -> None:
    wish = wished(world, service="nowhere")
    world.answer()
    wish.refresh_from_db()
    assert (wish.state, wish.rule) == (PlanRequest.State.REFUSED, "endpoint")
    assert "nowhere" in wish.refusal
    assert world.last_event().text == f"the action asked for came to nothing: {wish.refusal}"
    assert world.incident.state == State.ANALYSING
    world.answered(wished(world))


def test_a_wish_that_was_overtaken_is_refused(world: World) -> None:
    wish = wished(world)
    world.planned()
    world.answer()
    wish.refresh_from_db()
    assert (wish.state, wish.rule) == (PlanRequest.State.REFUSED, "incident_state")


def test_a_dry_run_of_what_was_decided_meanwhile_decides_nothing(world: World) -> None:
    plan = world.planned()
    wish = approvals.try_out(approval=world.pending(plan), by=world.ana)
    approvals.reject(approval=world.pending(plan), by=world.ben, reason="no")
    world.answer()
    wish.refresh_from_db()
    assert (wish.state, wish.rule) == (PlanRequest.State.REFUSED, "state")
    assert Approval.objects.get().state == Approval.State.REJECTED


def test_an_executor_that_is_down_is_told_and_blocks_nobody(world: World) -> None:
    wish = wished(world)
    with override_settings(ROLE="worker"):  # its sweep finds the wish and cannot carry it out
        world.hands.advance(minutes=11)
        sweep()
    wish.refresh_from_db()
    assert (wish.state, wish.rule) == (PlanRequest.State.REFUSED, "executor")
    wished(world)


@pytest.mark.parametrize("role", ["web", "worker", "beat"])
def test_no_other_process_asks_a_target(world: World, role: str) -> None:
    wish = wished(world)
    with override_settings(ROLE=role):
        with pytest.raises(WrongRole, match=f"AIRRA_ROLE is {role}"):
            executor_of(world.endpoint)
        with pytest.raises(WrongRole):
            acting.carry_out(request_id=str(wish.pk))
    assert world.server.requests == []
    wish.refresh_from_db()
    assert wish.state == PlanRequest.State.WAITING


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["web", "worker"])
def test_no_other_process_runs_the_executors_jobs(
    make_world: Callable[[], World], role: str
) -> None:
    world = make_world()
    investigation = world.investigated()
    with override_settings(ROLE=role), pytest.raises(WrongRole):
        enqueue(Job.PLAN, investigation_id=str(investigation.pk))
    assert world.server.requests == []


@pytest.mark.django_db(transaction=True)
def test_the_sweep_wakes_a_wish_whose_message_was_lost(make_world: Callable[[], World]) -> None:
    world = make_world()
    wish = PlanRequest.objects.create(
        incident=world.incident, kind=PlanRequest.Kind.ACTION, by=world.requester,
        action="restart", service_name="payments",
    )  # fmt: skip
    world.hands.advance(seconds=30)
    sweep()
    wish.refresh_from_db()
    assert wish.state == PlanRequest.State.DONE


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_executors_at_the_same_moment_make_one_plan(make_world: Callable[[], World]) -> None:
    world = make_world()
    wish = PlanRequest.objects.create(
        incident=world.incident, kind=PlanRequest.Kind.ACTION, by=world.requester,
        action="restart", service_name="payments",
    )  # fmt: skip
    at_once(4, lambda: acting.carry_out(request_id=str(wish.pk)))
    wish.refresh_from_db()
    assert wish.state == PlanRequest.State.DONE
    assert Plan.objects.get() == wish.result
