"""What a claim compares, and when: the model search says it has to be in the UPDATE itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from remediation.models import Execution, KillSwitch, Plan, Policy
from remediation.types import ExecutionState
from tests.integration.remediation.conftest import World

Meddle = Callable[[Execution], object]


def just_before(starts: str, deed: Callable[[], object], *, turn: int = 1) -> Any:
    """Do `deed`, once, just before the statement that `starts` so for the `turn`th time."""
    seen: list[str] = []

    def wrapper(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if sql.startswith(starts) and '"remediation_execution"' in sql:
            seen.append(sql)
            if len(seen) == turn:
                deed()
        return execute(sql, params, *rest)

    return connection.execute_wrapper(wrapper)


def test_the_claim_compares_the_rows_own_columns_in_the_update_itself(world: World) -> None:
    """PostgreSQL asks a subquery once: two claims that wait for each other would both win."""
    execution = world.approved()
    with CaptureQueriesContext(connection) as captured:
        world.run(execution)
    told = [query["sql"] for query in captured.captured_queries]
    begins = 'UPDATE "remediation_execution" SET "state" = \'intent\''
    claims = [sql for sql in told if sql.startswith(begins)]
    (claim,) = claims
    assert 'FROM "remediation_execution"' not in claim
    assert '"remediation_execution"."state" = \'approved\'' in claim


def test_a_claim_that_waited_for_its_turn_is_as_of_the_end_of_the_wait(world: World) -> None:
    execution = world.approved()
    with waiting_for_its_turn(world, seconds=85):
        execution = world.run(execution)
    assert execution.intent_at == clock.now()
    assert execution.state == ExecutionState.VERIFYING, "the lease has only begun"


def test_an_approval_that_ran_out_in_the_wait_has_run_out(world: World) -> None:
    execution = world.approved()
    left = execution.approval.expires_at - clock.now()
    with waiting_for_its_turn(world, seconds=left.total_seconds() + 1):
        execution = world.run(execution)
    assert execution.state == ExecutionState.EXPIRED
    assert world.server.effects == []


def waiting_for_its_turn(world: World, *, seconds: float) -> Any:
    def wrapper(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        if sql.startswith('UPDATE "remediation_policy"'):
            world.hands.advance(seconds=seconds)
        return execute(sql, params, *rest)

    return connection.execute_wrapper(wrapper)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda e: Policy.objects.update(version=F("version") + 1),
        lambda _: KillSwitch.objects.create(scope="all", reason="x", actor="a"),
        lambda e: Plan.objects.filter(pk=e.plan_id).update(plan_hash="f" * 64),
        lambda e: Execution.objects.filter(pk=e.pk).update(state=ExecutionState.CANCELLED),
    ],
    ids=["policy", "kill-switch", "hash", "state"],
)
def test_what_changes_between_the_look_and_the_claim_stops_it(world: World, meddle: Meddle) -> None:
    execution = world.approved()
    with just_before("UPDATE", lambda: meddle(execution)):
        execution = world.run(execution)
    assert execution.intent_at is None
    assert world.server.effects == []


def test_a_plan_that_was_edited_when_it_was_read_is_not_sent(world: World) -> None:
    """Edited, read, edited back: the row is right when the claim looks, what was read is not."""
    execution = world.approved()
    plan = Plan.objects.get(pk=execution.plan_id)
    Plan.objects.filter(pk=plan.pk).update(service_name="checkout")

    def back() -> None:
        Plan.objects.filter(pk=plan.pk).update(service_name=plan.service_name)

    with just_before("SELECT", back, turn=2):
        execution = world.run(execution)
    assert execution.state == ExecutionState.STALE
    assert world.server.effects == []
