"""Makers: a policy, a plan that waits for its approval, an execution; and the whole story."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from airra.lib import clock
from analysis.models import Investigation
from incidents.lifecycle import Severity, State
from incidents.models import Incident, TimelineEvent, Workspace
from remediation.models import (
    ActionEndpoint,
    Approval,
    Delegation,
    Execution,
    FreezeWindow,
    Plan,
    Policy,
    Step,
    StepTarget,
    Vote,
)
from remediation.types import (
    Decision,
    ExecutionState,
    Mode,
    Prediction,
    Reversibility,
    RiskBand,
)
from tests.factories import analysis
from tests.factories import incidents as make

Kind = TimelineEvent.Kind


def policy(place: Workspace | None = None, **fields: Any) -> Policy:
    found, _ = Policy.objects.update_or_create(workspace=place or make.workspace(), defaults=fields)
    return found


def freeze(place: Workspace, **fields: Any) -> FreezeWindow:
    """One that is over, unless said otherwise."""
    now = clock.now()
    values = {
        "reason": "the move to the new data centre",
        "starts_at": now - timedelta(days=9),
        "ends_at": now - timedelta(days=8),
        **fields,
    }
    return FreezeWindow.objects.create(workspace=place, **values)


def endpoint(place: Workspace | None = None, **fields: Any) -> ActionEndpoint:
    found, _ = ActionEndpoint.objects.get_or_create(
        workspace=place or make.workspace(),
        name="lab",
        defaults={"url": "http://127.0.0.1:9/control", "secret_ref": "LAB_ACTIONS", **fields},
    )
    return found


def prediction() -> Prediction:
    return Prediction(
        query="process_resident_memory_bytes",
        connector_id=str(analysis.connector().pk),
        service="payments",
        service_label="service",
        signal="memory",
        direction="up",
        threshold=510 * 1024**2,
        level_before=912 * 1024**2,
        unit="bytes",
    )


def plan(about: Incident, run: Investigation | None = None, **fields: Any) -> Plan:
    hypothesis = run.hypotheses.order_by("rank").first() if run else None
    values = {
        "endpoint": endpoint(about.workspace),
        "action": "restart",
        "action_version": 1,
        "service_name": "payments",
        "title": "Restart payments",
        "why": "payments leaks memory until it swaps",
        "target_id": "payments",
        "target_version": "v2.31.0/1",
        "before": {"replicas": 2, "version": "v2.31.0", "started": "02:14:09"},
        "after": {"replicas": 2, "version": "v2.31.0", "started": "now"},
        "effects": ["2 processes are replaced, one after the other"],
        "reversibility": Reversibility.SELF_HEALING,
        "undo": None,
        "fidelity": "server",
        "prediction": asdict(prediction()),
        "risk_score": 7.5,
        "risk_band": RiskBand.MEDIUM,
        "risk_factors": [
            ["blast", 2, "the whole of a stateless service"],
            ["irreversibility", 1.5, "heals itself"],
            ["environment", 2.5, "production"],
            ["history", 1, "9 of 9 runs helped"],
        ],
        "decision": Decision.ONE,
        "decision_reasons": ["medium risk at 68% confidence (not calibrated)"],
        "checks": [
            {"name": "Target", "ok": True, "detail": "exactly one: payments"},
            {"name": "Freeze window", "ok": True, "detail": "none is open"},
            {"name": "Cool-down", "ok": False, "detail": "restarted 14 min ago"},
        ],
        "policy_version": 1,
        "plan_hash": "a" * 64,
        "dry_run_at": clock.now() - timedelta(seconds=20),
        **fields,
    }
    made = Plan.objects.create(incident=about, investigation=run, hypothesis=hypothesis, **values)
    return with_step(made)


def with_step(made: Plan) -> Plan:
    """Its one step on one target, as the plan's own columns say it."""
    step = Step.objects.create(
        plan=made, position=1, endpoint=made.endpoint, action=made.action,
        action_version=made.action_version, service_name=made.service_name, params=made.params,
        title=made.title, prediction=made.prediction,
    )  # fmt: skip
    StepTarget.objects.create(
        step=step, ordinal=0, target_id=made.target_id, target_version=made.target_version,
        before=made.before, after=made.after, effects=made.effects, undo=made.undo,
        reversibility=made.reversibility, fidelity=made.fidelity,
    )  # fmt: skip
    return made


def approval(of: Plan, **fields: Any) -> Approval:
    values = {
        "plan_hash": of.plan_hash,
        "expires_at": clock.now() + timedelta(minutes=26),
        "needed": 2 if of.decision == Decision.TWO else 1,
        "requested_at": clock.now() - timedelta(seconds=20),
        **fields,
    }
    return Approval.objects.create(plan=of, **values)


def vote(on: Approval, by: User, **fields: Any) -> Vote:
    values = {
        "plan_hash": on.plan_hash,
        "voice": by,
        "decision": "approve",
        "mode": Mode.LIVE,
        "factor": "session",
        "opened_diff_at": clock.now() - timedelta(seconds=40),
        **fields,
    }
    return Vote.objects.create(approval=on, by=by, **values)


def delegation(place: Workspace, *, lender: str, to: User | None = None) -> Delegation:
    """The right of the user of this name, lent for three days."""
    who = User.objects.get(username=lender)
    return Delegation.objects.create(
        workspace=place,
        delegator=who,
        delegate=to or make.person(place=place),
        until=clock.now() + timedelta(days=3),
        reason="on leave",
        made_by=who,
    )


def execution(of: Approval, *, by: User, **fields: Any) -> Execution:
    now = clock.now().timestamp()
    values = {
        "mode": Mode.LIVE,
        "state": ExecutionState.VERIFYING,
        "plan_hash": of.plan_hash,
        "target_key": f"{of.plan.endpoint_id}:{of.plan.target_id}",
        "idempotency_key": str(of.pk),
        "target": StepTarget.objects.filter(step__plan=of.plan).first(),
        "started_by": by,
        "intent_at": clock.now() - timedelta(seconds=70),
        "effect_at": clock.now() - timedelta(seconds=64),
        "samples": [
            [now - 56, 940e6, "bad"],
            [now - 48, 700e6, "bad"],
            [now - 40, None, "no_data"],
            [now - 32, 430e6, "good"],
            [now - 24, 424e6, "good"],
            [now - 16, 421e6, "good"],
        ],
        **fields,
    }
    return Execution.objects.create(plan=of.plan, approval=of, **values)


def with_story(place: Workspace | None = None, *, owner: User | None = None) -> Incident:
    """An incident that awaits approval: alert, anomaly, evidence, rivals, plan, timeline."""
    where = place or make.workspace()
    services = make.shop(where)
    about = make.incident(
        about=services["payments"],
        place=where,
        severity=Severity.CRITICAL,
        state=State.AWAITING_APPROVAL,
        owner=owner,
        acknowledged_by=owner,
        acknowledged_at=clock.now() - timedelta(seconds=210) if owner else None,
    )
    make.alert(about)
    analysis.anomaly(about)
    run = analysis.settled(about)
    made = plan(about, run)
    asked = approval(made)
    text = "deployed payments v2.31.0"
    make.event(about, Kind.CHANGE, text, age_s=340, actor="ci", learnt_after_s=150)
    make.event(about, Kind.ANOMALY, "saw memory of payments leave its band", age_s=238)
    if owner:
        make.event(about, Kind.ACKNOWLEDGED, "acknowledged", age_s=210, by=owner)
    make.event(about, Kind.HYPOTHESES, "ranked 3 hypotheses; the best at 68 %", age_s=180)
    make.event(
        about,
        Kind.APPROVAL,
        "asks one person to approve “Restart payments” within 30 min",
        age_s=20,
        approval=str(asked.pk),
    )
    return about
