"""A dry run and what is judged of it: the only way to a proposal."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from django.contrib.auth.models import User

from analysis.models import Hypothesis
from incidents.models import Incident
from remediation.commands import prediction as predictions
from remediation.commands.acting.endpoint import executor_of
from remediation.commands.assessment import (
    Ahead,
    Assessment,
    Known,
    assess,
    keep,
    policy_of,
    target_key,
)
from remediation.commands.proposal import Aim, Proposal, checked_request
from remediation.commands.refusal import Refused
from remediation.decision.catalog import Limit, spec_of, title_of, turned_round
from remediation.decision.policy import Ruling
from remediation.execution.base import ExecutorError, NothingToActOn
from remediation.execution.course import MAX_STEPS
from remediation.models import ActionEndpoint, Policy
from remediation.queries.catalogue import limit_on
from remediation.types import Decision, ExecutorKind, PlannedAction, PlannedStep


def propose(
    *,
    incident: Incident,
    aims: Sequence[Aim],
    why: str,
    hypothesis: Hypothesis | None = None,
    requested_by: User | None = None,
) -> Proposal:
    """Dry-run and judge 1 to 5 steps, outside any transaction. Raises `Refused`; stores nothing."""
    if not 1 <= len(aims) <= MAX_STEPS:
        raise Refused("steps", f"a plan has 1 to {MAX_STEPS} steps, not {len(aims)}")
    confirmed = Hypothesis.Verdict.CONFIRMED
    is_confirmed = hypothesis is not None and hypothesis.verdict == confirmed
    known = Known(is_confirmed=is_confirmed, is_asked_for=requested_by is not None)
    judge = partial(
        _judged, incident=incident, policy=policy_of(incident.workspace), hypothesis=hypothesis
    )
    steps: list[PlannedStep] = []
    assessments: list[Assessment] = []
    clamps: list[str] = []
    for aim in aims:
        request = checked_request(aim.request, incident=incident)
        step = _dry_run(replace(aim, request=request), incident=incident, hypothesis=hypothesis)
        steps.append(step)
        for target in step.targets:
            here = replace(known, targets=len(step.targets))
            assessments.append(judge(target, aim.endpoint, known=here))
            ahead = Ahead(target_key(aim.endpoint.pk, target.target_id), target)
            known = replace(known, ahead=(*known.ahead, ahead))
        clamps += [clamp.sentence() for clamp in request.clamped]
    return Proposal(
        incident=incident,
        steps=tuple(steps),
        policy=policy_of(incident.workspace),
        assessment=_worst(assessments),
        why="; ".join([*clamps, why]),
        hypothesis=hypothesis,
        requested_by=requested_by,
    )


def ask_targets(aim: Aim) -> tuple[PlannedAction, ...]:
    """The dry run of each target that the request resolves to, the canary first.

    Raises `Refused` by the rule `targets` for none, and for more than the action may touch at once:
    nothing or everything is never meant. Raises `ExecutorError` when a target does not answer.
    """
    executor = executor_of(aim.endpoint)
    most = spec_of(aim.request.action).max_targets
    try:
        names = executor.resolve(aim.request)
    except NothingToActOn as error:
        raise Refused("targets", f"{title_of(aim.request)}: {error}") from error
    if not 1 <= len(names) <= most or len(set(names)) != len(names):
        msg = f"it resolves to {len(names)} targets ({', '.join(names)}), allowed are 1 to {most}"
        raise Refused("targets", f"{title_of(aim.request)}: {msg}")
    return tuple(executor.plan(replace(aim.request, target=name)) for name in names)


def _dry_run(aim: Aim, *, incident: Incident, hypothesis: Hypothesis | None) -> PlannedStep:
    request = aim.request
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
        targets = ask_targets(aim)
    except ExecutorError as error:
        raise Refused("dry_run", f"{title_of(request)}: {error}") from error
    for planned in targets:
        if refusal := _why_not(planned, ExecutorKind(aim.endpoint.kind)):
            raise Refused("catalog", f"{title_of(request)}: {refusal}")
    version = spec_of(request.action).version
    return PlannedStep(str(aim.endpoint.pk), version, targets, prediction)


def _judged(
    planned: PlannedAction,
    endpoint: ActionEndpoint,
    *,
    incident: Incident,
    policy: Policy,
    hypothesis: Hypothesis | None,
    known: Known,
) -> Assessment:
    """What risk and policy say of one target. Raises `Refused` when they leave it to people."""
    assessment = assess(
        incident=incident,
        policy=policy,
        planned=planned,
        endpoint=endpoint,
        hypothesis=hypothesis,
        known=known,
    )
    assessment = _within(assessment, limit_on(incident.workspace, planned.request.action))
    if assessment.ruling.decision is Decision.ESCALATE:
        title = title_of(planned.request)
        keep(assessment, incident=incident, policy=policy, title=title, hypothesis=hypothesis)
        reasons = "; ".join(assessment.ruling.reasons)
        raise Refused("policy", f"{title_of(planned.request)}: {reasons}")
    return assessment


def _worst(assessments: Sequence[Assessment]) -> Assessment:
    """The strictest ruling and the highest risk; every reason and every check is kept."""
    strictness = list(Decision)
    ruling = max((a.ruling for a in assessments), key=lambda r: strictness.index(r.decision))
    reasons = dict.fromkeys(reason for a in assessments for reason in a.ruling.reasons)
    checks = {(c["name"], c["ok"], c["detail"]): c for a in assessments for c in a.checks}
    return replace(
        max(assessments, key=lambda a: a.risk.score),
        ruling=replace(ruling, reasons=tuple(reasons)),
        checks=list(checks.values()),
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
