"""From explanation to plan, or to a plain statement why there is none."""

import pytest

from airra.lib import clock
from analysis.models import Anomaly, Detector, Evidence, Hypothesis, Investigation
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, Service, ServiceDependency
from incidents.permissions import NotPermitted, Role
from remediation.commands import plan as plans
from remediation.commands.acting import plan as acting
from remediation.commands.refusal import Refused
from remediation.models import Approval, Plan, Runbook
from tests.fakes.executor import Thing
from tests.integration.remediation.conftest import World, member


def test_the_same_investigation_twice_has_one_plan(world: World) -> None:
    investigation = world.investigated()
    first = acting.create_for(investigation_id=str(investigation.pk))
    second = acting.create_for(investigation_id=str(investigation.pk))
    assert first == second
    assert Approval.objects.count() == 1


def test_an_older_investigation_does_not_plan(world: World) -> None:
    old = world.investigated()
    world.hands.advance(minutes=1)
    Investigation.objects.create(incident=world.incident)
    assert acting.create_for(investigation_id=str(old.pk)) is None


@pytest.mark.parametrize("mechanism", ["leak", "db_lock"])
def test_a_newer_investigation_replaces_what_the_older_one_proposed(
    world: World, mechanism: str
) -> None:
    old = world.planned()
    asked = world.pending(old)
    incidents.move(incident=world.incident, to=State.ANALYSING, text="looks again")
    world.hands.advance(minutes=1)
    anew = acting.create_for(investigation_id=str(world.investigated(mechanism=mechanism).pk))
    old.refresh_from_db()
    asked.refresh_from_db()
    assert (old.state, asked.state) == (Plan.State.DISCARDED, Approval.State.VOID)
    assert (anew is not None) == (mechanism == "leak")


def test_a_person_s_word_comes_before_the_rank(world: World) -> None:
    investigation = world.investigated()
    Hypothesis.objects.create(
        investigation=investigation, rank=2, entity="checkout", mechanism="leak", origin="human",
        signal="memory", statement="checkout leaks", state="inconclusive", confidence=0.2,
        verdict="confirmed", verdict_by=world.ana, verdict_at=clock.now(), path=["checkout"],
    )  # fmt: skip
    plan = acting.create_for(investigation_id=str(investigation.pk))
    assert plan is not None
    assert (plan.service_name, plan.decision) == ("checkout", "one")


@pytest.mark.parametrize("said", [{"state": "refuted"}, {"verdict": "ruled_out"}])
def test_what_was_refuted_is_not_acted_on(world: World, said: dict[str, str]) -> None:
    if "verdict" in said:
        said = {**said, "verdict_by": world.ana, "verdict_at": clock.now()}  # type: ignore[dict-item]  # a row's fields
    investigation = world.investigated(**said)
    assert acting.create_for(investigation_id=str(investigation.pk)) is None
    world.incident.refresh_from_db()
    assert world.incident.state == State.NO_SAFE_ACTION


def test_no_fitting_action_names_the_reason_and_the_runbook(world: World) -> None:
    Runbook.objects.create(workspace=world.workspace, title="General", steps="look")
    Runbook.objects.create(
        workspace=world.workspace, title="Locks", mechanism="db_lock", steps="find the blocker"
    )
    investigation = world.investigated(mechanism="db_lock", signal="latency")
    assert acting.create_for(investigation_id=str(investigation.pk)) is None
    world.incident.refresh_from_db()
    event = world.last_event()
    assert world.incident.state == State.NO_SAFE_ACTION
    assert "no action of the catalogue fits db_lock" in event.text
    assert event.text.endswith("Runbook: Locks")


def test_a_change_of_the_same_service_is_rolled_back(world: World) -> None:
    trigger = {"kind": "change", "change": "deploy", "entity": "payments", "revision": "1.1.0"}
    plan = world.planned(mechanism="change", signal="errors", trigger=trigger)
    assert (plan.action, plan.after) == ("rollback", {"revision": "1.0.0"})
    assert plan.undo == {
        "action": "rollback", "service": "payments", "params": {"to_revision": "1.1.0"},
        "target": "", "clamped": (),
    }  # fmt: skip


def test_an_outside_service_is_handled_where_it_is_called(world: World) -> None:
    plan = world.planned(
        entity="bank",
        mechanism="external",
        signal="latency",
        statement="fraud checks at the bank time out",
        path=["bank", "payments"],
    )
    assert (plan.action, plan.service_name) == ("set_flag", "payments")
    assert plan.params == {"flag": "payments.fraud_check", "value": False}


def test_without_an_endpoint_there_is_no_plan(world: World) -> None:
    world.endpoint.is_enabled = False
    world.endpoint.save()
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "no action endpoint is connected" in world.last_event().text


def test_a_candidate_that_cannot_dry_run_gives_way(world: World) -> None:
    world.server.things["payments"] = Thing("payments", revisions=["1.0.0"])
    trigger = {"kind": "change", "change": "deploy", "entity": "payments"}
    investigation = world.investigated(mechanism="change", signal="errors", trigger=trigger)
    assert acting.create_for(investigation_id=str(investigation.pk)) is None
    assert "no revision to go back to" in world.last_event().text


def test_what_policy_escalates_is_left_to_people(world: World) -> None:
    world.kill()
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "the kill switch is on" in world.last_event().text


def test_a_workspace_may_narrow_the_catalogue(world: World) -> None:
    world.policy(allowed_actions=["scale"])
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "does not allow it" in world.last_event().text


def test_nothing_measurable_means_no_plan(world: World) -> None:
    Anomaly.objects.all().delete()
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "no recovery could be proved" in world.last_event().text


def test_what_users_feel_is_what_must_recover(world: World) -> None:
    for number, (signal, score, direction) in enumerate(
        [("traffic", 99.0, "up"), ("cpu", 50.0, "up"), ("latency", 30.0, "up")]
    ):
        detector = Detector.objects.create(
            workspace=world.workspace, connector=world.detector.connector, name=f"d{number}",
            query=f"q{number}", signal=signal,
        )  # fmt: skip
        Anomaly.objects.create(
            detector=detector, service=world.service, series_key="s", direction=direction,
            started_at=clock.now(), last_at=clock.now(), value=9.0, expected=1.0, low=0.0,
            high=2.0, score=score, incident=world.incident,
        )  # fmt: skip
    assert world.planned().prediction["query"] == "q2"


def test_more_traffic_alone_proves_nothing(world: World) -> None:
    world.detector.signal = "traffic"
    world.detector.save()
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "no recovery could be proved" in world.last_event().text


def test_an_alert_from_outside_is_proved_by_a_measured_onset(world: World) -> None:
    Anomaly.objects.all().delete()
    investigation = world.investigated()
    onset = {
        "kind": "onset", "entity": "payments", "signal": "latency", "at": 0.0, "error_s": 5.0,
        "direction": "up", "magnitude": 9.0, "before": 0.1, "during": 1.6, "unit": "s",
        "query": "latency",
    }  # fmt: skip
    Evidence.objects.create(
        investigation=investigation, seq=1, tool="metric_onset", status="ok", summary="latency",
        connector=world.detector.connector, window_start=clock.now(), window_end=clock.now(),
        facts=[onset], custody="app_metric", hash="x",
    )  # fmt: skip
    plan = acting.create_for(investigation_id=str(investigation.pk))
    assert plan is not None
    assert plan.prediction["signal"] == "latency"
    assert plan.prediction["threshold"] == pytest.approx(0.4)


def test_critical_callers_raise_the_risk(world: World) -> None:
    for name in ("gateway", "checkout"):
        caller = Service.objects.create(workspace=world.workspace, name=name, tier=1)
        ServiceDependency.objects.create(caller=caller, callee=world.service)
    plan = world.planned()
    factors = {name: factor for name, factor, _ in plan.risk_factors}
    assert factors["blast"] == 4.0


def test_low_confidence_at_medium_risk_is_left_to_people(world: World) -> None:
    assert acting.create_for(investigation_id=str(world.investigated(confidence=0.3).pk)) is None
    assert "low confidence" in world.last_event().text


def test_a_revision_voids_what_was_asked_before(world: World) -> None:
    plan = world.planned()
    old = world.pending(plan)
    world.server.things["payments"].version = 3
    anew = world.answered(plans.revise(plan=plan, by=world.ana))
    old.refresh_from_db()
    assert old.state == Approval.State.VOID
    assert anew.plan_hash != plan.plan_hash
    assert Plan.objects.filter(incident=world.incident, state=Plan.State.PROPOSED).get() == anew
    assert world.pending(anew).requested_by is None


def test_a_discarded_plan_can_be_made_anew(world: World) -> None:
    plan = world.planned()
    plans.discard(plan=plan, by=world.ana, reason="later")
    world.incident.refresh_from_db()
    assert world.incident.state == State.NO_SAFE_ACTION
    world.answered(plans.revise(plan=plan, by=world.ana))
    assert world.incident.state == State.AWAITING_APPROVAL


def test_a_person_asks_only_for_what_the_catalogue_knows(world: World) -> None:
    for action, params in (("rm -rf", {}), ("scale", {"replicas": 0}), ("restart", {"all": True})):
        with pytest.raises(Refused) as refused:
            plans.request_action(
                incident=world.incident, action=action, service="payments", params=params,
                by=world.requester,
            )  # fmt: skip
        assert refused.value.rule == "catalog"


def test_a_viewer_asks_for_nothing(world: World) -> None:
    with pytest.raises(NotPermitted):
        plans.request_action(
            incident=world.incident, action="restart", service="payments", params={},
            by=member(world.workspace, "vic", Role.VIEWER),
        )  # fmt: skip


def test_flapping_is_noticed(world: World) -> None:
    for number in (2, 3):
        execution = world.run(world.approved())
        world.watch(execution, times=26)
        assert Plan.objects.filter(state=Plan.State.FAILED).count() == number - 1
        world.hands.advance(minutes=30)
        Incident.objects.filter(pk=world.incident.pk).update(state=State.ANALYSING)
        world.incident.refresh_from_db()
    assert acting.create_for(investigation_id=str(world.investigated().pk)) is None
    assert "twice within six hours" in world.last_event().text
