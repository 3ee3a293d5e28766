"""What every executor promises, on the in-memory endpoint and on the lab."""

import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from remediation.execution.base import Attempt, ExecutorError, UnknownService
from remediation.execution.executors.webhook import WebhookExecutor
from remediation.types import ActionRequest, Applied, PlannedAction, Probe
from tests.contract.executors.conftest import Endpoint
from tests.fakes.executor import SECRET, ActionEndpointServer, Fault


def attempt(**said: Any) -> Attempt:
    now = time.time()
    fields = {"key": str(uuid4()), "fence": 1, "issued_at": now, "deadline": now + 90, **said}
    return Attempt(**fields)


def scale(endpoint: Endpoint, by: int = 1) -> ActionRequest:
    now = endpoint.executor().describe(endpoint.service).replicas
    return ActionRequest("scale", endpoint.service, {"replicas": now + by})


def flag(endpoint: Endpoint, *, value: bool) -> ActionRequest:
    params = {"flag": endpoint.flag, "value": value}
    return ActionRequest("set_flag", endpoint.service, params)


def test_a_description_tells_what_choosing_needs(endpoint: Endpoint) -> None:
    told = endpoint.executor().describe(endpoint.service)
    assert (told.name, told.replicas, told.flags) == (endpoint.service, 2, {endpoint.flag: True})
    assert told.version


def test_an_unknown_service_is_named(endpoint: Endpoint) -> None:
    with pytest.raises(UnknownService):
        endpoint.executor().describe("no-such-service")
    with pytest.raises(ExecutorError, match="refused"):
        endpoint.executor().plan(ActionRequest("restart", "no-such-service"))


def test_a_name_cannot_leave_its_place_in_the_path(endpoint: Endpoint) -> None:
    with pytest.raises(ExecutorError):
        endpoint.executor().describe("../actions")


def test_a_dry_run_changes_nothing_and_says_what_would(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    before = executor.describe(endpoint.service)
    for request in (flag(endpoint, value=False), ActionRequest("restart", endpoint.service)):
        planned = executor.plan(request)
        assert planned.before != planned.after
        assert planned.effects
        assert planned.fidelity == "server"
        assert planned.target_id
    assert executor.describe(endpoint.service) == before


def test_applying_does_what_the_diff_said_and_undo_restores(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    before = executor.describe(endpoint.service)
    planned = executor.plan(flag(endpoint, value=False))
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    assert executor.describe(endpoint.service).flags == planned.after["flags"]
    assert planned.undo is not None
    undone = executor.apply(_undo_of(planned, effect.answer), attempt())
    assert undone.applied is Applied.APPLIED, undone.error
    assert executor.describe(endpoint.service).flags == before.flags


def test_the_same_key_acts_once(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(flag(endpoint, value=False))
    once = attempt()
    first = executor.apply(planned, once)
    version = executor.describe(endpoint.service).version
    again = executor.apply(planned, once)
    assert (first.applied, again.applied) == (Applied.APPLIED, Applied.APPLIED)
    assert executor.describe(endpoint.service).version == version
    executor.apply(_undo_of(planned, first.answer), attempt())


def test_the_probe_tells_before_and_after(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(flag(endpoint, value=False))
    once = attempt()
    assert executor.probe(planned, once)[0] is Probe.ABSENT
    effect = executor.apply(planned, once)
    told, answer = executor.probe(planned, once)
    assert told is Probe.APPLIED
    assert answer["key"] == once.key
    executor.apply(_undo_of(planned, effect.answer), attempt())


def test_a_target_that_moved_is_left_alone(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(flag(endpoint, value=False))
    other = executor.apply(planned, attempt())
    stale = executor.apply(planned, attempt())
    assert (stale.applied, stale.moved) == (Applied.NOT_APPLIED, True)
    executor.apply(_undo_of(planned, other.answer), attempt())


def test_a_wrong_secret_is_refused(endpoint: Endpoint) -> None:
    planned = endpoint.executor().plan(flag(endpoint, value=False))
    effect = endpoint.executor(secret="guessed").apply(planned, attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert "401" in effect.error


def test_a_signature_that_is_too_old_is_refused(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(flag(endpoint, value=False))
    effect = executor.apply(planned, attempt(issued_at=time.time() - 400))
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, False)
    assert "401" in effect.error


def test_nothing_is_sent_after_the_lease(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(flag(endpoint, value=False))
    late = attempt(deadline=time.time() - 1)
    assert executor.apply(planned, late).applied is Applied.NOT_APPLIED
    assert executor.probe(planned, late)[0] is Probe.ABSENT


def test_what_the_target_cannot_do_is_said_at_the_dry_run(endpoint: Endpoint) -> None:
    missing = ActionRequest("set_flag", endpoint.service, {"flag": "nope", "value": True})
    with pytest.raises(ExecutorError, match="refused with 422"):
        endpoint.executor().plan(missing)


def test_scaling_up_can_be_undone(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    planned = executor.plan(scale(endpoint))
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    assert executor.describe(endpoint.service).replicas == planned.after["replicas"]
    undone = executor.apply(_undo_of(planned, effect.answer), attempt())
    assert undone.applied is Applied.APPLIED, undone.error
    assert executor.describe(endpoint.service).replicas == planned.before["replicas"]


def test_a_restart_leaves_the_service_as_it_was_wanted(endpoint: Endpoint) -> None:
    executor = endpoint.executor()
    before = executor.describe(endpoint.service)
    effect = executor.apply(executor.plan(ActionRequest("restart", endpoint.service)), attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    after = executor.describe(endpoint.service)
    assert (after.replicas, after.revision) == (before.replicas, before.revision)
    assert after.version != before.version


# What only a target that misbehaves on purpose can show.


def faulty(fault: Fault, **said: Any) -> tuple[Applied, Probe, int]:
    """How an attempt ends under a fault, what the probe then says, and the number of effects."""
    with ActionEndpointServer() as server:
        executor = WebhookExecutor(server.url, secret=SECRET, timeout_s=0.5, **said)
        planned = executor.plan(ActionRequest("restart", "payments"))
        server.fault = fault
        once = attempt()
        effect = executor.apply(planned, once)
        return effect.applied, executor.probe(planned, once)[0], len(server.effects)


@pytest.mark.parametrize("fault", [Fault.LOST_SILENT, Fault.LOST_BROKEN, Fault.LOST_500])
def test_no_answer_and_no_effect_is_unknown(fault: Fault) -> None:
    assert faulty(fault) == (Applied.UNKNOWN, Probe.ABSENT, 0)


@pytest.mark.parametrize(
    "fault", [Fault.DONE_SILENT, Fault.DONE_BROKEN, Fault.DONE_500, Fault.DONE_GARBAGE]
)
def test_no_answer_and_an_effect_is_unknown_too(fault: Fault) -> None:
    assert faulty(fault) == (Applied.UNKNOWN, Probe.APPLIED, 1)


def test_what_never_ends_is_unknown_and_the_probe_does_not_guess() -> None:
    waited: list[float] = []
    assert faulty(Fault.IN_PROGRESS, wait=waited.append) == (
        Applied.UNKNOWN,
        Probe.CANNOT_TELL,
        1,
    )
    assert 10 < sum(waited) < 60


def test_what_the_target_gave_up_is_not_applied() -> None:
    assert faulty(Fault.FAILED) == (Applied.NOT_APPLIED, Probe.ABSENT, 0)


def test_an_endpoint_that_is_not_there_was_certainly_not_reached() -> None:
    executor = WebhookExecutor("http://127.0.0.1:9", secret=SECRET, timeout_s=1)
    with ActionEndpointServer() as server:
        there = WebhookExecutor(server.url, secret=SECRET, timeout_s=1)
        planned = there.plan(ActionRequest("restart", "payments"))
    assert executor.apply(planned, attempt()).applied is Applied.NOT_APPLIED
    assert executor.probe(planned, attempt())[0] is Probe.CANNOT_TELL
    for failing in (lambda: executor.describe("x"), lambda: executor.plan(planned.request)):
        with pytest.raises(ExecutorError, match="cannot connect"):
            failing()


def _undo_of(planned: PlannedAction, answer: Any) -> PlannedAction:
    assert planned.undo is not None
    left = str(answer["target"]["version"])
    return replace(planned, request=planned.undo, target_version=left)
