"""What every executor promises, on every target it has. See `rig.py` for how a kind joins."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from remediation.decision.catalog import spec_of
from remediation.execution import registry
from remediation.execution.base import ExecutorError, NothingToActOn, UnknownService
from remediation.types import ActionRequest, Applied, ExecutorKind, Fidelity, Probe, Reversibility
from tests.contract.executors.rig import Rig, aimed, attempt, undo_of
from tests.contract.executors.rigs import RIGS, each_action, each_rig


@pytest.fixture(params=each_action())
def case(request: pytest.FixtureRequest) -> Iterator[tuple[Rig, str]]:
    """A fresh rig with each of its actions in turn."""
    made, action = request.param
    with made() as rig:
        yield rig, action


@pytest.fixture(params=each_rig())
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with request.param() as rig:
        yield rig


Case = tuple[Rig, str]


def test_a_dry_run_changes_nothing_and_says_what_would(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    request = aimed(rig, action, executor)
    before = rig.state()
    planned = executor.plan(request)
    assert rig.state() == before
    assert planned.request == request
    assert planned.before != planned.after
    assert rig.seen(planned) == planned.before
    assert planned.effects
    assert planned.target_id
    assert planned.target_version
    assert planned.fidelity == executor.guarantees.fidelity


def test_the_same_dry_run_says_the_same(case: Case) -> None:
    """Else no approval would outlive the next look: what is approved is a hash of all this."""
    rig, action = case
    executor = rig.executor()
    request = aimed(rig, action, executor)
    once, again = executor.plan(request), rig.executor().plan(request)
    assert replace(once, checks=()) == replace(again, checks=())


def test_applying_does_what_the_diff_said(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    if executor.guarantees.fidelity is Fidelity.DESCRIBED:
        assert rig.seen(planned) != planned.before
    else:
        assert rig.seen(planned) == planned.after


def test_undo_is_exact_or_not_offered(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    effect = executor.apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    if action in executor.guarantees.undoes:
        undone = executor.apply(undo_of(planned, effect), attempt())
        assert undone.applied is Applied.APPLIED, undone.error
        assert rig.seen(planned) == planned.before
    else:
        assert planned.undo is None
        assert planned.reversibility is not Reversibility.EXACT_UNDO


def test_an_undo_leaves_alone_what_somebody_else_has_changed(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    if action not in executor.guarantees.undoes:
        assert executor.plan(aimed(rig, action, executor)).undo is None
        return
    planned = executor.plan(aimed(rig, action, executor))
    effect = executor.apply(planned, attempt())
    rig.move(planned)
    left = rig.state()
    undone = executor.apply(undo_of(planned, effect), attempt())
    assert (undone.applied, undone.moved) == (Applied.NOT_APPLIED, True)
    assert rig.state() == left


def test_the_same_key_acts_once(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    once = attempt()
    first = executor.apply(planned, once)
    assert first.applied is Applied.APPLIED, first.error
    left = rig.state()
    again = rig.executor().apply(planned, once)
    if executor.guarantees.is_idempotent:
        assert again.applied is Applied.APPLIED, again.error
        assert rig.state() == left
    else:
        # Nobody but us keeps the second one back: it is refused by our own look, or acts again,
        # and either way says so.
        assert again.applied is not Applied.UNKNOWN
        assert (again.applied is Applied.NOT_APPLIED) == (rig.state() == left)


def test_the_probe_tells_before_and_after(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    once = attempt()
    knows = executor.guarantees.has_probe
    before = rig.state()
    assert executor.probe(planned, once)[0] is (Probe.ABSENT if knows else Probe.CANNOT_TELL)
    assert rig.state() == before
    executor.apply(planned, once)
    left = rig.state()
    told, _ = rig.executor().probe(planned, once)
    assert told is (Probe.APPLIED if knows else Probe.CANNOT_TELL)
    assert rig.state() == left


def test_a_target_that_moved_is_left_alone(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    rig.move(planned)
    left = rig.state()
    effect = executor.apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    assert rig.state() == left


def test_only_the_target_itself_sees_a_change_after_the_last_look(case: Case) -> None:
    """What `has_precondition` means: nothing slips in between. Without it, something may."""
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    late = rig.late(lambda: rig.move(planned))
    if late is None:
        assert not executor.guarantees.has_precondition
        return
    with late:
        effect = executor.apply(planned, attempt())
    if executor.guarantees.has_precondition:
        assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    else:
        assert effect.applied is Applied.APPLIED, effect.error


@pytest.mark.parametrize("done", [True, False])
def test_no_answer_is_unknown_and_the_probe_finds_out(case: Case, *, done: bool) -> None:
    rig, action = case
    executor = rig.executor(timeout_s=rig.quick_s)
    planned = rig.executor().plan(aimed(rig, action))
    once = attempt()
    began = time.monotonic()
    with rig.losing(done=done):
        assert executor.apply(planned, once).applied is Applied.UNKNOWN
        assert time.monotonic() - began < rig.quick_s + 15  # its time-out held, not ours
    told, _ = rig.executor().probe(planned, once)
    if not executor.guarantees.has_probe:
        assert told is Probe.CANNOT_TELL
    else:
        assert told is (Probe.APPLIED if done else Probe.ABSENT)


def test_nobody_there_is_certainly_not_applied(rig: Rig) -> None:
    planned = rig.executor().plan(aimed(rig, rig.actions[0]))
    before = rig.state()
    away = rig.unreachable()
    effect = away.apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, False)
    assert effect.error
    assert away.probe(planned, attempt())[0] is Probe.CANNOT_TELL
    for reads in (lambda: away.plan(planned.request), lambda: away.describe("payments")):
        with pytest.raises(ExecutorError):
            reads()
    assert rig.state() == before


def test_nothing_is_sent_after_the_lease(case: Case) -> None:
    rig, action = case
    executor = rig.executor()
    planned = executor.plan(aimed(rig, action, executor))
    before = rig.state()
    effect = executor.apply(planned, attempt(deadline=time.time() - 1))
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, False)
    assert "late" in effect.error
    assert rig.state() == before


def test_what_the_credential_may_not_do_the_target_refuses(case: Case) -> None:
    rig, action = case
    planned = rig.executor().plan(aimed(rig, action))
    before = rig.state()
    with rig.refusing() as executor:
        effect = executor.apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, False)
    assert rig.refusal in effect.error
    assert rig.state() == before


def test_a_selector_that_finds_nothing_is_an_error(rig: Rig) -> None:
    request = rig.nobody()
    executor = rig.executor()
    with pytest.raises(ExecutorError, match=r"."):
        [executor.plan(replace(request, target=found)) for found in executor.resolve(request)]
    with pytest.raises((NothingToActOn, UnknownService)):
        executor.describe(request.service)


def test_a_selector_that_finds_too_many_is_an_error(rig: Rig) -> None:
    request = rig.too_many()
    if request is None:
        assert rig.executor().resolve(rig.request(rig.actions[0])) == ("",)
        return
    with pytest.raises(NothingToActOn):
        rig.executor().resolve(request)


def test_an_action_of_another_kind_is_refused(rig: Rig) -> None:
    executor = rig.executor()
    request = replace(aimed(rig, rig.actions[0]), action="reformat", params={})
    with pytest.raises(ExecutorError):
        executor.plan(request)


def test_an_instance_promises_what_its_kind_does(rig: Rig) -> None:
    assert rig.executor().guarantees == registry.guarantees(rig.kind)


@pytest.mark.parametrize("kind", registry.KINDS)
def test_what_a_kind_promises_is_possible(kind: ExecutorKind) -> None:
    promised = registry.guarantees(kind)
    offered = {a for case in RIGS.values() if case.rig.kind is kind for a in case.rig.actions}
    assert offered == promised.actions  # each is tested on some target
    assert promised.undoes <= promised.actions
    assert timedelta(0) < timedelta(seconds=promised.credential_life_s) < timedelta(hours=2)
    for spec in map(spec_of, promised.actions):
        assert spec.way(kind), f"the catalogue does not know how {kind} does {spec.key}"
        # Sent at the end of the lease, it has landed before "absent" may be believed.
        assert spec.lease_s + spec.timeout_s <= promised.credential_life_s


def test_requests_are_not_aimed_by_the_rig(rig: Rig) -> None:
    """`resolve` is what finds targets, canary first; and it finds the same ones twice."""
    request: ActionRequest = rig.request(rig.actions[0])
    assert request.target == ""
    found = rig.executor().resolve(request)
    assert found
    assert len(set(found)) == len(found)
    assert rig.executor().resolve(request) == found
