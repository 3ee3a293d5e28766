"""A fix is watched for a day: one that does not last is no success, and the incident goes on."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.commands.investigation.share import share
from analysis.models import Anomaly, Investigation
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import AuditEvent, Incident, Workspace
from remediation.commands import recurrence
from remediation.commands.sweep import sweep
from remediation.models import Execution, Plan, StepTarget
from remediation.queries.executions import is_lasting, lasting, record_of
from remediation.types import ExecutionState
from tests.factories import remediation as make
from tests.integration.remediation.conftest import METRIC, World


@pytest.fixture
def fixed(world: World) -> Execution:
    """A restart that matched, and resolved its incident."""
    execution = world.run(world.approved())
    world.metric.value = 0.01
    execution = world.watch(execution, times=4)
    assert execution.state == ExecutionState.SUCCEEDED
    return execution


def sweeps(world: World, execution: Execution, *, times: int, every_s: float = 30) -> Execution:
    for _ in range(times):
        world.hands.advance(seconds=every_s)
        sweep()
    return world.fresh(execution)


def test_a_fix_that_lasts_is_left_alone_after_a_day(world: World, fixed: Execution) -> None:
    watched = sweeps(world, fixed, times=3)
    assert [mark for _, _, mark in watched.relapse] == ["good"] * 3
    watched = sweeps(world, fixed, times=2, every_s=12.1 * 3600)
    assert watched.watch_next_at is None
    assert is_lasting(watched)
    asked = len(world.metric.asked)
    sweeps(world, fixed, times=2)
    assert len(world.metric.asked) == asked


def test_trouble_that_comes_back_reopens_the_incident(world: World, fixed: Execution) -> None:
    world.metric.value = 0.4
    watched = sweeps(world, fixed, times=2)
    assert watched.recurred_at is None
    watched = sweeps(world, fixed, times=1)
    assert watched.recurred_at == clock.now()
    assert world.incident.state == State.OPEN
    told = world.last_event()
    assert told.kind == "reopened"
    assert "“Restart payments” held for" in told.text
    assert AuditEvent.objects.filter(kind="execution.recurred").count() == 1


def queued(incident: Incident) -> int:
    return incident.investigations.filter(state__in=Investigation.LIVE).count()


def test_it_is_looked_into_once_more(world: World, fixed: Execution) -> None:
    assert queued(world.incident) == 0
    world.metric.value = 0.4
    sweeps(world, fixed, times=4)
    assert queued(world.incident) == 1
    made = world.incident.investigations.latest("created_at")
    said = AuditEvent.objects.get(kind="investigation.started", target_id=str(made.pk))
    assert "“Restart payments” held for" in said.reason


def test_one_that_only_shared_what_was_found_before_is_looked_into(
    world: World, fixed: Execution
) -> None:
    """What was found before the fix says nothing of why it did not hold."""
    newer = newer_incident(world)
    share(world.incident.investigations.get(), newer, "the same service")
    world.metric.value = 0.4
    sweeps(world, fixed, times=3)
    assert queued(newer) == 1
    assert not newer.shared_investigations.filter(released_at__isnull=True).exists()


def test_one_that_has_been_looked_into_since_is_not_again(world: World, fixed: Execution) -> None:
    newer = newer_incident(world)
    Investigation.objects.create(
        incident=newer,
        state=Investigation.State.SETTLED,
        finished_at=clock.now(),
        outcome="blocked",
    )
    world.metric.value = 0.4
    sweeps(world, fixed, times=3)
    assert newer.investigations.count() == 1
    assert queued(world.incident) == 0


def newer_incident(world: World) -> Incident:
    """Opened a little after the fix by the same metric."""
    world.hands.advance(seconds=5)
    newer = Incident.objects.create(
        workspace=world.workspace, number=7, title="payments fails again", severity="high",
        state=State.ANALYSING, source="detector", grouping_key="again", opened_at=clock.now(),
    )  # fmt: skip
    Anomaly.objects.create(
        detector=world.detector, service=world.service, series_key="s", direction="up",
        started_at=clock.now(), last_at=clock.now(), value=0.4, expected=0.01, low=0.0,
        high=0.05, score=20.0, incident=newer,
    )  # fmt: skip
    return newer


def test_it_counts_against_the_history(world: World, fixed: Execution) -> None:
    runs = Execution.objects.all()
    record = record_of(world.workspace, action="restart", service="payments")
    assert (lasting(runs).count(), record.helped, record.total) == (1, 1, 1)
    world.metric.value = 0.4
    sweeps(world, fixed, times=3)
    record = record_of(world.workspace, action="restart", service="payments")
    assert (lasting(runs).count(), record.helped, record.total) == (0, 0, 1)


@pytest.mark.parametrize(("value", "times"), [(0.4, 3), (0.01, 1)])
def test_a_newer_incident_of_the_same_is_linked(
    world: World, fixed: Execution, value: float, times: int
) -> None:
    """Even when the next fix is so quick that no bad sample is seen."""
    world.metric.value = value
    newer = newer_incident(world)
    assert sweeps(world, fixed, times=times).recurred_at is not None
    assert world.incident.state == State.RESOLVED
    assert "see INC-7" in world.last_event().text
    assert "the same as INC-1" in newer.events.order_by("-id")[0].text


def test_a_closed_incident_stays_closed_and_another_is_opened(
    world: World, fixed: Execution
) -> None:
    world.incident.refresh_from_db()
    incidents.close(incident=world.incident, by=world.ana)
    Workspace.objects.update(last_incident_number=1)
    world.metric.value = 0.4
    sweeps(world, fixed, times=3)
    newer = Incident.objects.exclude(pk=world.incident.pk).get()
    assert (newer.state, newer.service) == (State.OPEN, world.service)
    assert queued(newer) == 1
    assert world.incident.state == State.CLOSED
    assert f"see {newer.key}" in world.last_event().text


def test_no_data_and_a_single_bad_sample_are_no_relapse(world: World, fixed: Execution) -> None:
    world.metric.value = None
    sweeps(world, fixed, times=4)
    world.metric.value = 0.4
    sweeps(world, fixed, times=2)
    world.metric.value = 0.01
    watched = sweeps(world, fixed, times=1)
    assert watched.recurred_at is None
    assert [mark for _, _, mark in watched.relapse][:4] == ["no_data"] * 4


def test_two_sweeps_at_once_take_one_sample(world: World, fixed: Execution) -> None:
    at = world.hands.advance(seconds=30)
    for _ in range(3):
        recurrence.watch(at)
    assert len(world.fresh(fixed).relapse) == 1


def test_what_a_person_has_taken_back_is_no_success(world: World) -> None:
    execution = world.run(world.approved(world.scaled()))
    world.metric.value = 0.01
    execution = world.watch(execution, times=4)
    undo = execution.plan.undo
    assert undo is not None
    back = make.plan(
        world.incident, endpoint=world.endpoint, action=undo["action"], params=undo["params"],
        requested_by=world.ana, state=Plan.State.DONE,
    )  # fmt: skip
    later = Execution.objects.get(pk=execution.pk)
    later.pk, later.plan, later.idempotency_key = back.pk, back, "by hand"
    later.target = StepTarget.objects.get(step__plan=back)
    later.effect_at = clock.now() + timedelta(seconds=20)
    later.watch_next_at = None
    later._state.adding = True
    later.save(force_insert=True)
    watched = sweeps(world, execution, times=1)
    assert watched.withdrawn_at == later.effect_at
    assert not is_lasting(watched)


def test_the_same_query_of_many_fixes_is_asked_once(world: World, fixed: Execution) -> None:
    world.metric.asked.clear()
    sweeps(world, fixed, times=1)
    assert world.metric.asked == [METRIC]
