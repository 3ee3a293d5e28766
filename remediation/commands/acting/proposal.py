"""A dry run and what is judged of it: the only way to a proposal."""

from dataclasses import replace

from django.contrib.auth.models import User

from analysis.models import Hypothesis
from incidents.models import Incident
from remediation.commands import prediction as predictions
from remediation.commands.acting.endpoint import executor_of
from remediation.commands.assessment import Assessment, Known, assess, keep, policy_of
from remediation.commands.proposal import Proposal, checked_request
from remediation.commands.refusal import Refused
from remediation.decision.catalog import Limit, spec_of, title_of, turned_round
from remediation.decision.policy import Ruling
from remediation.execution.base import ExecutorError
from remediation.models import ActionEndpoint
from remediation.queries.catalogue import limit_on
from remediation.types import ActionRequest, Decision, ExecutorKind, PlannedAction


def propose(
    *,
    incident: Incident,
    endpoint: ActionEndpoint,
    request: ActionRequest,
    why: str,
    hypothesis: Hypothesis | None = None,
    requested_by: User | None = None,
) -> Proposal:
    """Dry-run and judge a request, outside any transaction. Raises `Refused`; stores nothing."""
    request = checked_request(request, incident=incident)
    prediction = predictions.of_incident(
        incident=incident,
        action=request.action,
        hypothesis=hypothesis,
        target=request.service,
    )
    if prediction is None:
        msg = "nothing measurable alerted, so no recovery could be proved"
        raise Refused("prediction", msg)
    try:
        planned = executor_of(endpoint).plan(request)
    except ExecutorError as error:
        raise Refused("dry_run", f"{title_of(request)}: {error}") from error
    if refusal := _why_not(planned, ExecutorKind(endpoint.kind)):
        raise Refused("catalog", f"{title_of(request)}: {refusal}")
    policy = policy_of(incident.workspace)
    confirmed = Hypothesis.Verdict.CONFIRMED
    is_confirmed = hypothesis is not None and hypothesis.verdict == confirmed
    assessment = assess(
        incident=incident,
        policy=policy,
        planned=planned,
        endpoint=endpoint,
        hypothesis=hypothesis,
        known=Known(is_confirmed=is_confirmed, is_asked_for=requested_by is not None),
    )
    assessment = _within(assessment, limit_on(incident.workspace, request.action))
    if assessment.ruling.decision is Decision.ESCALATE:
        title = title_of(planned.request)
        keep(assessment, incident=incident, policy=policy, title=title, hypothesis=hypothesis)
        reasons = "; ".join(assessment.ruling.reasons)
        raise Refused("policy", f"{title_of(request)}: {reasons}")
    return Proposal(
        incident=incident,
        endpoint=endpoint,
        policy=policy,
        planned=planned,
        prediction=prediction,
        assessment=assessment,
        why="; ".join([*(clamp.sentence() for clamp in request.clamped), why]),
        hypothesis=hypothesis,
        requested_by=requested_by,
    )


def _why_not(planned: PlannedAction, kind: ExecutorKind) -> str:
    """What the catalogue has against a dry run that came back, or empty."""
    if refusal := turned_round(planned):
        return refusal
    missing = spec_of(planned.request.action).unanswered(kind, planned.checks)
    return f"the dry run did not look at: {', '.join(missing)}" if missing else ""


def _within(assessment: Assessment, limit: Limit) -> Assessment:
    """The ruling, raised where the workspace wants two people for this action."""
    ruling = assessment.ruling
    if limit.floor is Decision.ONE or ruling.decision is not Decision.ONE:
        return assessment
    reasons = (*ruling.reasons, "this workspace wants two people for it")
    return replace(assessment, ruling=Ruling(limit.floor, reasons))
