"""What is the action webhook's own, beside what `test_contract.py` asks of every executor."""

import time
from collections.abc import Iterator

import pytest

from remediation.execution.base import ExecutorError, UnknownService
from remediation.execution.executors.webhook import WebhookExecutor
from remediation.types import ActionRequest, Applied, Probe
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_webhook import FakeWebhook, LabWebhook, Webhook
from tests.fakes.executor import SECRET, ActionEndpointServer, Fault


@pytest.fixture(params=[FakeWebhook, pytest.param(LabWebhook, marks=pytest.mark.slow)])
def rig(request: pytest.FixtureRequest) -> Iterator[Webhook]:
    with request.param() as rig:
        yield rig


def test_a_description_tells_what_choosing_needs(rig: Webhook) -> None:
    now = rig.look()
    told = rig.executor().describe(rig.service)
    assert (told.name, told.replicas) == (rig.service, now["desired_replicas"])
    assert told.flags == now["flags"]
    assert told.version


def test_an_unknown_service_is_named(rig: Webhook) -> None:
    with pytest.raises(UnknownService):
        rig.executor().describe("no-such-service")
    with pytest.raises(ExecutorError, match="refused"):
        rig.executor().plan(ActionRequest("restart", "no-such-service"))


def test_a_name_cannot_leave_its_place_in_the_path(rig: Webhook) -> None:
    with pytest.raises(ExecutorError):
        rig.executor().describe("../actions")


def test_the_probe_brings_the_answer_to_the_key(rig: Webhook) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "set_flag"))
    once = attempt()
    executor.apply(planned, once)
    told, answer = executor.probe(planned, once)
    assert (told, answer["key"]) == (Probe.APPLIED, once.key)


def test_a_signature_that_is_too_old_is_refused(rig: Webhook) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "set_flag"))
    effect = executor.apply(planned, attempt(issued_at=time.time() - 400))
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, False)
    assert "401" in effect.error


def test_what_the_target_cannot_do_is_said_at_the_dry_run(rig: Webhook) -> None:
    missing = ActionRequest("set_flag", rig.service, {"flag": "nope", "value": True})
    with pytest.raises(ExecutorError, match="refused with 422"):
        rig.executor().plan(missing)


# What only a target that misbehaves on purpose can show.


def faulty(fault: Fault, **said: object) -> tuple[Applied, Probe, int]:
    """How an attempt ends under a fault, what the probe then says, and the number of effects."""
    with ActionEndpointServer() as server:
        executor = WebhookExecutor(server.url, secret=SECRET, timeout_s=0.5, **said)  # type: ignore[arg-type]  # `wait` of one test
        planned = executor.plan(ActionRequest("restart", "payments"))
        server.fault = fault
        once = attempt()
        effect = executor.apply(planned, once)
        return effect.applied, executor.probe(planned, once)[0], len(server.effects)


@pytest.mark.parametrize("fault", [Fault.LOST_BROKEN, Fault.LOST_500])
def test_no_answer_and_no_effect_is_unknown(fault: Fault) -> None:
    assert faulty(fault) == (Applied.UNKNOWN, Probe.ABSENT, 0)


@pytest.mark.parametrize("fault", [Fault.DONE_BROKEN, Fault.DONE_500, Fault.DONE_GARBAGE])
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
