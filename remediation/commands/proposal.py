"""A proposal: one action with its dry run, prediction, risk and ruling, and the row it becomes."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from django.contrib.auth.models import User

from airra.lib import clock
from analysis.models import Hypothesis
from incidents.commands import audit, timeline
from incidents.models import Incident, TimelineEvent
from remediation.commands import prediction as predictions
from remediation.commands.assessment import Assessment, keep
from remediation.commands.refusal import Refused
from remediation.decision.catalog import (
    BadParameters,
    NotAllowedHere,
    UnknownAction,
    request_of,
    spec_of,
    title_of,
)
from remediation.models import ActionEndpoint, Approval, Plan, Policy
from remediation.queries.catalogue import environment_of, limit_on
from remediation.types import (
    ActionRequest,
    Decision,
    PlannedAction,
    Prediction,
    Reversibility,
    RiskBand,
    plan_hash,
)

_PATIENCE = {RiskBand.LOW: 2.0, RiskBand.MEDIUM: 1.0, RiskBand.HIGH: 0.5, RiskBand.EXTREME: 0.5}


@dataclass(frozen=True)
class Proposal:
    incident: Incident
    endpoint: ActionEndpoint
    policy: Policy
    planned: PlannedAction
    prediction: Prediction
    assessment: Assessment
    why: str
    hypothesis: Hypothesis | None = None
    requested_by: User | None = None


def checked_request(request: ActionRequest, *, incident: Incident) -> ActionRequest:
    """As the catalogue takes it in this workspace. Raises `Refused`."""
    try:
        return request_of(
            request.action,
            request.service,
            request.params,
            target=request.target,
            limit=limit_on(incident.workspace, request.action),
            environment=environment_of(incident.workspace, request.service),
        )
    except (UnknownAction, BadParameters, NotAllowedHere) as error:
        raise Refused("catalog", str(error)) from error


def store(proposal: Proposal) -> Plan:
    """The plan and its pending approval; call inside the transaction that moves the incident."""
    planned, assessment = proposal.planned, proposal.assessment
    spec = spec_of(planned.request.action)
    plan = Plan(
        incident=proposal.incident,
        investigation=proposal.hypothesis.investigation if proposal.hypothesis else None,
        hypothesis=proposal.hypothesis,
        endpoint=proposal.endpoint,
        action=spec.key,
        action_version=spec.version,
        service_name=planned.request.service,
        params=dict(planned.request.params),
        title=title_of(planned.request)[:200],
        why=proposal.why[:300],
        target_id=planned.target_id,
        target_version=planned.target_version,
        before=dict(planned.before),
        after=dict(planned.after),
        effects=list(planned.effects),
        reversibility=planned.reversibility,
        undo=asdict(planned.undo) if planned.undo else None,
        fidelity=planned.fidelity,
        prediction=asdict(proposal.prediction),
        risk_score=assessment.risk.score,
        risk_band=assessment.risk.band,
        risk_factors=[list(factor) for factor in assessment.risk.factors],
        decision=assessment.ruling.decision,
        decision_reasons=list(assessment.ruling.reasons),
        checks=assessment.checks,
        policy_version=proposal.policy.version,
        requested_by=proposal.requested_by,
        dry_run_at=clock.now(),
    )
    plan.plan_hash = hash_of(plan)
    plan.save(force_insert=True)
    audit.record(
        "plan.created",
        target=plan,
        by=proposal.requested_by,
        after={"hash": plan.plan_hash, "action": plan.action, "params": plan.params},
    )
    keep(
        assessment,
        incident=plan.incident,
        policy=proposal.policy,
        title=plan.title,
        hypothesis=plan.hypothesis,
        plan=plan,
    )
    ask(plan, minutes=proposal.policy.approval_minutes)
    return plan


def ask(plan: Plan, *, minutes: int) -> Approval:
    """A pending approval of the plan's hash; riskier plans wait less long."""
    patience = minutes * _PATIENCE[RiskBand(plan.risk_band)]
    approval = Approval.objects.create(
        plan=plan,
        plan_hash=plan.plan_hash,
        needed=2 if plan.decision == Decision.TWO else 1,
        requested_by=plan.requested_by,
        requested_at=clock.now(),
        expires_at=clock.now() + timedelta(minutes=patience),
    )
    people = "two people" if approval.needed == 2 else "one person"
    timeline.record(
        plan.incident,
        TimelineEvent.Kind.APPROVAL,
        f"asks {people} to approve “{plan.title}” within {patience:.0f} min",
        payload={"approval": str(approval.pk), "plan": str(plan.pk)},
    )
    return approval


def request_of_plan(plan: Plan) -> ActionRequest:
    return ActionRequest(plan.action, plan.service_name, plan.params)


def planned_of(plan: Plan) -> PlannedAction:
    """The planned action as the row holds it now."""
    undo = plan.undo
    return PlannedAction(
        request=request_of_plan(plan),
        target_id=plan.target_id,
        target_version=plan.target_version,
        before=plan.before,
        after=plan.after,
        effects=tuple(plan.effects),
        reversibility=Reversibility(plan.reversibility),
        undo=undo and ActionRequest(**undo),
        fidelity=plan.fidelity,
    )


def hash_of(plan: Plan) -> str:
    """The hash of what the row says now; an approval is for the hash of what it said then."""
    return plan_hash(
        action_version=plan.action_version,
        planned=planned_of(plan),
        prediction=predictions.from_json(plan.prediction),
        policy_version=plan.policy_version,
    )


def same_dry_run(plan: Plan, fresh: PlannedAction) -> bool:
    """Whether a fresh dry run says what was approved, of the same version of the target.

    `before` may show what runs by itself, such as start times; the version answers for the rest.
    """
    approved = planned_of(plan)
    return replace(approved, before={}) == replace(fresh, before={})
