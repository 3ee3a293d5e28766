"""A proposal: steps with dry runs and predictions, risk and ruling, and the rows they become."""

from collections.abc import Sequence
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
from remediation.commands.steps import planned_steps, step_request, store_steps, targets_of
from remediation.decision.catalog import (
    BadParameters,
    NotAllowedHere,
    UnknownAction,
    request_of,
    spec_of,
    title_of,
)
from remediation.models import ActionEndpoint, Approval, Plan, Policy, StepTarget
from remediation.queries.catalogue import environment_of, limit_on
from remediation.types import (
    ActionRequest,
    Decision,
    PlannedAction,
    PlannedStep,
    Reversibility,
    RiskBand,
    plan_hash,
)

_PATIENCE = {RiskBand.LOW: 2.0, RiskBand.MEDIUM: 1.0, RiskBand.HIGH: 0.5, RiskBand.EXTREME: 0.5}


@dataclass(frozen=True)
class Aim:
    """A request and the endpoint that shall carry it out."""

    endpoint: ActionEndpoint
    request: ActionRequest


@dataclass(frozen=True)
class Proposal:
    incident: Incident
    steps: tuple[PlannedStep, ...]
    policy: Policy
    assessment: Assessment
    why: str
    hypothesis: Hypothesis | None = None
    requested_by: User | None = None

    @property
    def planned(self) -> PlannedAction:
        """The first step's canary: what the plan is seen by at one glance."""
        return self.steps[0].targets[0]

    @property
    def title(self) -> str:
        """Every step, in order."""
        return ", then ".join(_step_title(step) for step in self.steps)[:200]


def _step_title(step: PlannedStep) -> str:
    title = title_of(step.targets[0].request)
    return f"{title} on {len(step.targets)} targets" if len(step.targets) > 1 else title


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
        endpoint_id=proposal.steps[0].endpoint,
        action=spec.key,
        action_version=spec.version,
        service_name=planned.request.service,
        params=dict(planned.request.params),
        title=proposal.title,
        why=proposal.why[:300],
        target_id=planned.target_id,
        target_version=planned.target_version,
        before=dict(planned.before),
        after=dict(planned.after),
        effects=list(planned.effects),
        reversibility=planned.reversibility,
        undo=asdict(planned.undo) if planned.undo else None,
        fidelity=planned.fidelity,
        prediction=asdict(proposal.steps[0].prediction),
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
    plan.save(force_insert=True)
    store_steps(plan, proposal.steps)
    plan.plan_hash = hash_of(plan)
    plan.save(update_fields=["plan_hash"])
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


def hash_of(plan: Plan, targets: Sequence[StepTarget] | None = None) -> str:
    """The hash of what the rows say now; an approval is for the hash of what they said then."""
    return plan_hash(
        action_version=plan.action_version,
        planned=_headline(plan),
        prediction=predictions.from_json(plan.prediction),
        policy_version=plan.policy_version,
        steps=planned_steps(targets_of(plan) if targets is None else targets),
    )


def _headline(plan: Plan) -> PlannedAction:
    undo = plan.undo
    return PlannedAction(
        request=ActionRequest(plan.action, plan.service_name, plan.params),
        target_id=plan.target_id,
        target_version=plan.target_version,
        before=plan.before,
        after=plan.after,
        effects=tuple(plan.effects),
        reversibility=Reversibility(plan.reversibility),
        undo=undo and ActionRequest(**undo),
        fidelity=plan.fidelity,
    )


def aims_of(plan: Plan) -> list[Aim]:
    """What the plan was made from: each step's endpoint and request, with no target chosen yet."""
    steps = plan.steps.select_related("endpoint")
    return [Aim(step.endpoint, step_request(step)) for step in steps]


def same_dry_run(plan: Plan, fresh: Sequence[PlannedStep]) -> bool:
    """Whether fresh dry runs say what was approved, of the same targets in the same versions.

    `before` may show what runs by itself, such as start times; the version answers for the rest.
    """
    approved = planned_steps(targets_of(plan))
    return [_compared(step) for step in approved] == [_compared(step) for step in fresh]


def _compared(step: PlannedStep) -> tuple[str, int, list[PlannedAction]]:
    targets = [replace(target, before={}, checks=()) for target in step.targets]
    return step.endpoint, step.action_version, targets
