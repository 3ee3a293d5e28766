"""Questions in every state, for the pages of approvals; `fill` is called in `manage.py shell`."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from airra.lib import clock
from incidents.lifecycle import Severity, State
from incidents.models import Incident
from incidents.permissions import Role
from remediation.commands.proposal import hash_of
from remediation.decision.policy import Case
from remediation.models import (
    Approval,
    KillSwitch,
    Plan,
    PlanRequest,
    PolicyRuling,
    Step,
    StepTarget,
)
from remediation.types import RiskBand
from tests.e2e.seed import people
from tests.factories import analysis, remediation
from tests.factories import incidents as make

RISKY: dict[str, Any] = {
    "action": "rollback",
    "service_name": "checkout",
    "title": "Roll back checkout to v4.1.9",
    "why": "the deploy of v4.2.0 broke checkout",
    "target_id": "checkout",
    "target_version": "v4.2.0/7",
    "before": {"version": "v4.2.0", "replicas": 3, "image": "shop/checkout@sha256:1f0c"},
    "after": {"version": "v4.1.9", "replicas": 3, "image": "shop/checkout@sha256:77ab"},
    "effects": ["3 processes are replaced, one after the other", "gateway calls it"],
    "risk_band": "high",
    "risk_score": 21.4,
    "risk_factors": [
        ["blast", 3, "a service that gateway and payments call"],
        ["irreversibility", 1, "exact undo"],
        ["environment", 2.5, "production"],
        ["history", 3, "it made things worse within 30 days"],
    ],
    "reversibility": "exact_undo",
    "undo": {"action": "rollback", "service": "checkout", "params": {"to_revision": "v4.2.0"}},
    "decision_reasons": ["high risk: two people decide"],
}


def incident(title: str, name: str, state: State = State.AWAITING_APPROVAL) -> Incident:
    return make.incident(
        title=title, about=make.service(name), state=state, severity=Severity.HIGH, age_s=900
    )


def planned(about: Incident, **fields: Any) -> Plan:
    """A plan whose hash is its own, so that it can be approved."""
    plan = remediation.plan(about, analysis.settled(about), **fields)
    plan.plan_hash = hash_of(plan)
    plan.save(update_fields=["plan_hash"])
    return plan


def simple() -> None:
    remediation.approval(planned(incident("payments: memory 912 MiB", "payments")))


def risky(who: dict[str, User]) -> None:
    """High risk and two people, asked for by a person."""
    about = incident("checkout: error ratio 9 %", "checkout")
    plan = planned(about, **RISKY, decision="two", requested_by=who["responder"])
    remediation.approval(
        plan,
        requested_by=who["responder"],
        requested_at=clock.now() - timedelta(minutes=4),
        expires_at=clock.now() + timedelta(minutes=11),
    )


def changed() -> None:
    """The target moved: the old question is void, and a new one waits."""
    about = incident("search: latency 2.4 s", "search")
    fields: dict[str, Any] = {
        "action": "scale",
        "service_name": "search",
        "title": "Scale search to 6",
        "why": "search has more traffic than three workers can serve",
        "target_id": "search",
    }
    old = planned(
        about, **fields, state="discarded", target_version="r41", before={"replicas": 3},
        after={"replicas": 6}, dry_run_at=clock.now() - timedelta(minutes=6),
    )  # fmt: skip
    remediation.approval(
        old, state="void", void_reason="a fresh dry run has replaced the one it was about",
        requested_at=clock.now() - timedelta(minutes=6),
    )  # fmt: skip
    new = remediation.plan(
        about, **fields, target_version="r43", before={"replicas": 5, "paused": False},
        after={"replicas": 6, "paused": False}, dry_run_at=clock.now(),
    )  # fmt: skip
    new.plan_hash = hash_of(new)
    new.save(update_fields=["plan_hash"])
    remediation.approval(new, requested_at=clock.now())


def several(who: dict[str, User]) -> None:
    """Two steps, the second on three hosts: a canary and two that wait for it."""
    about = incident("gateway: 502 from search", "gateway")
    plan = remediation.plan(
        about, analysis.settled(about), **{
            **RISKY, "service_name": "search", "title": "Scale search to 6, then restart gateway",
            "action": "scale", "target_id": "search", "target_version": "r41",
            "before": {"replicas": 3}, "after": {"replicas": 6}, "effects": ["3 more processes"],
            "undo": {"action": "scale", "service": "search", "params": {"replicas": 3}},
        }, decision="two",
    )  # fmt: skip
    plan.steps.update(title="Scale search to 6")
    step = Step.objects.create(
        plan=plan, position=2, endpoint=plan.endpoint, action="restart", action_version=1,
        service_name="gateway", title="Restart gateway", prediction=plan.prediction,
    )  # fmt: skip
    for ordinal in range(3):
        StepTarget.objects.create(
            step=step, ordinal=ordinal, target=f"host-{ordinal + 1}",
            target_id=f"gateway@host-{ordinal + 1}", target_version=f"started-02:14:0{ordinal}",
            before={"started": f"02:14:0{ordinal}"}, after={"started": "now"},
            effects=["its connections are drained first"], reversibility="self_healing",
            fidelity="server",
        )  # fmt: skip
    plan.plan_hash = hash_of(plan)
    plan.save(update_fields=["plan_hash"])
    remediation.approval(plan, requested_by=who["admin"])


def asking(who: dict[str, User]) -> None:
    about = incident("inventory: queue grows", "inventory")
    plan = planned(about, service_name="inventory", title="Restart inventory")
    asked = remediation.approval(plan)
    PlanRequest.objects.create(
        incident=about, kind="dry_run", approval=asked, by=who["approver"], created_at=clock.now()
    )


def ended(who: dict[str, User], state: str, **fields: Any) -> None:
    about = incident(f"gateway: {state} once", "gateway", State.NO_SAFE_ACTION)
    plan = planned(about, service_name="gateway", title=f"Restart gateway ({state})",
                   state="discarded")  # fmt: skip
    asked = remediation.approval(
        plan,
        state=state,
        requested_at=clock.now() - timedelta(hours=3),
        expires_at=clock.now() - timedelta(hours=2),
        **fields,
    )
    if state == "returned":
        remediation.vote(asked, who["second"], decision="return", mode="", comment="one host first")


def tired(who: dict[str, User]) -> None:
    """Enough that nobody answered to make the page say so."""
    answer = {"decided_by": who["second"], "decided_at": clock.now()}
    ended(who, "returned", reason="one host first", **answer)
    ended(who, "void", void_reason="the policy has changed since the dry run")
    for _ in range(3):
        ended(who, "expired")
    for took in (3, 48, 130):
        ended(who, "approved", mode="live", reason="go", **answer)
        asked = Approval.objects.filter(state="approved").latest("pk")
        began = asked.requested_at
        remediation.vote(
            asked, who["second"], opened_diff_at=began, at=began + timedelta(seconds=took)
        )


def ruled() -> None:
    """What policy was asked lately: the simulator has rows to show."""
    for band, decision, confidence in (("low", "one", 0.9), ("high", "two", 0.6)):
        plan = Plan.objects.filter(rulings__isnull=True).latest("created_at")
        case = Case(RiskBand(band), confidence=confidence, environment="prod")
        PolicyRuling.objects.create(
            workspace=plan.incident.workspace, incident=plan.incident, plan=plan,
            hypothesis=plan.hypothesis, title=plan.title, facts=case.as_json(), risk_score=7.5,
            decision=decision, reasons=["as it was"], policy_version=1,
        )  # fmt: skip


def stopped() -> None:
    """A switch that is on somewhere, and one that is history."""
    now = clock.now()
    KillSwitch.objects.create(
        workspace=make.workspace(), scope="environment", value="sandbox", actor="ana",
        reason="its cluster is being moved", since=now - timedelta(hours=2),
    )  # fmt: skip
    KillSwitch.objects.create(
        scope="all", reason="something restarts what it should not", actor="ben",
        since=now - timedelta(days=2), ended_at=now - timedelta(days=1), ended_actor="ben",
        ended_reason="the rule that did it is gone",
    )  # fmt: skip
    remediation.freeze(
        make.workspace(), starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=3)
    )


def fill() -> None:
    who = people()
    remediation.policy()
    simple()
    risky(who)
    changed()
    several(who)
    asking(who)
    tired(who)
    ruled()
    stopped()
    place = make.workspace()
    remediation.delegation(place, lender="second", to=make.person(Role.RESPONDER, username="dora"))
