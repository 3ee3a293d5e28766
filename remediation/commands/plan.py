"""From a settled investigation, or a person's wish, to a plan that waits for approval."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from airra.lib.db import Conflict, compare_and_set
from analysis.models import Hypothesis, Investigation
from analysis.types import HypothesisState, Mechanism
from incidents.commands import audit
from incidents.commands import incident as incidents
from incidents.lifecycle import IllegalMove, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands.endpoint import find
from remediation.commands.proposal import Proposal, propose, request_of_plan, store
from remediation.commands.refusal import Refused
from remediation.decision.catalog import title_of
from remediation.decision.choose import Cause, choose
from remediation.execution.base import ExecutorError, UnknownService
from remediation.models import Approval, Plan, Runbook
from remediation.queries.catalogue import environment_of, limits_in
from remediation.types import ActionRequest

Kind = TimelineEvent.Kind
LIVE = (Plan.State.PROPOSED, Plan.State.APPROVED)
_FROM_OUTSIDE = (Mechanism.EXTERNAL, Mechanism.DEPENDENCY, Mechanism.NETWORK)
# Where a person may ask for an action: nothing else is being decided or done.
_MAY_REQUEST = (State.ANALYSING, State.NO_SAFE_ACTION)


def live_plan(incident: Incident) -> Plan | None:
    return Plan.objects.filter(incident=incident, state__in=LIVE).first()


def create_for(*, investigation_id: str) -> Plan | None:
    """Plan for a settled investigation, or say that there is no safe action. Safe to repeat.

    Dry runs happen first, outside any transaction; then one transaction moves the incident and
    stores plan and approval. Returns the live plan, or None.
    """
    investigation = Investigation.objects.select_related(
        "incident__workspace", "incident__service"
    ).get(pk=investigation_id)
    incident = investigation.incident
    if not _is_next(investigation):
        return live_plan(incident)
    hypothesis = _best_hypothesis(investigation)
    proposal, reasons = _first_possible(incident, hypothesis)
    try:
        if proposal:
            return _adopt(proposal)
        _give_up(incident, hypothesis, reasons)
    except (Conflict, IllegalMove, IntegrityError):
        incident.refresh_from_db()  # somebody else has decided meanwhile
    return live_plan(incident)


def request_action(
    *, incident: Incident, action: str, service: str, params: Mapping[str, Any], by: User
) -> Plan:
    """Plan what a person asks for; the same person cannot approve it. Raises `Refused`."""
    require(by, Permission.RESPOND, incident.workspace)
    if incident.state not in _MAY_REQUEST or live_plan(incident):
        msg = f"{incident.key} is {incident.state}: ask for an action when nothing else is pending"
        raise Refused("incident_state", msg)
    try:
        endpoint, _ = find(incident.workspace, service)
    except ExecutorError as error:
        raise Refused("endpoint", str(error)) from error
    investigation = incident.investigations.filter(state=Investigation.State.SETTLED).last()
    why = f"requested by {by.get_username()}"
    proposal = propose(
        incident=incident,
        endpoint=endpoint,
        request=ActionRequest(action, service, params),
        why=why,
        hypothesis=_best_hypothesis(investigation) if investigation else None,
        requested_by=by,
    )
    try:
        return _adopt(proposal)
    except IntegrityError as error:
        raise Refused("one_plan", f"{incident.key} already has a plan") from error


def revise(*, plan: Plan, by: User | None) -> Plan:
    """Replace a plan by a fresh dry run of the same action; every old approval is void.

    `by` None is AIRRA itself, after the target moved. Raises `Refused` and changes nothing when
    the action is no longer possible.
    """
    incident = plan.incident
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    other = live_plan(incident)
    if plan.state == Plan.State.APPROVED or (other and other.pk != plan.pk):
        raise Refused("one_plan", "another plan of this incident is live")
    proposal = propose(
        incident=incident,
        endpoint=plan.endpoint,
        request=request_of_plan(plan),
        why=plan.why,
        hypothesis=plan.hypothesis,
        requested_by=plan.requested_by,
    )
    return replace_with(plan=plan, proposal=proposal, by=by)


@transaction.atomic
def replace_with(*, plan: Plan, proposal: Proposal, by: User | None) -> Plan:
    """Discard one plan for another that is already dry-run, in one transaction."""
    if plan.state == Plan.State.PROPOSED:
        compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
    void_approvals(plan)
    audit.record("plan.revised", target=plan, by=by, before={"hash": plan.plan_hash})
    return _adopt(proposal)


@transaction.atomic
def discard(*, plan: Plan, by: User, reason: str = "") -> Plan:
    """Drop a proposed plan; the incident is left to people."""
    require(by, Permission.RESPOND, plan.incident.workspace)
    retire(plan, text=f"discarded “{plan.title}”", by=by, reason=reason)
    return plan


def retire(plan: Plan, *, text: str, by: User | None = None, reason: str = "") -> None:
    """Proposed to discarded, approvals void, and the incident, if it waited for it, to people."""
    compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
    void_approvals(plan)
    audit.record("plan.discarded", target=plan, by=by, reason=reason)
    incident = Incident.objects.get(pk=plan.incident_id)
    if incident.state == State.AWAITING_APPROVAL:
        said = f"{text}: {reason}" if reason else text
        incidents.move(
            incident=incident, to=State.NO_SAFE_ACTION, text=said, kind=Kind.APPROVAL, by=by
        )


def void_approvals(plan: Plan) -> None:
    plan.approvals.filter(state=Approval.State.PENDING).update(state=Approval.State.VOID)


def _is_next(investigation: Investigation) -> bool:
    """Settled, the newest of its incident, and the incident still waits for what follows."""
    incident = investigation.incident
    newest = incident.investigations.last()
    return (
        investigation.state == Investigation.State.SETTLED
        and incident.state == State.ANALYSING
        and newest is not None
        and newest.pk == investigation.pk
        and not _holds(live_plan(incident), investigation)
    )


def _holds(live: Plan | None, investigation: Investigation) -> bool:
    """Whether a live plan stands: one that is running, or one made for this investigation."""
    if live is None:
        return False
    return live.state == Plan.State.APPROVED or live.investigation_id == investigation.pk


def _supersede(incident: Incident) -> None:
    """What an earlier investigation proposed is void once a newer one has settled."""
    for old in Plan.objects.filter(incident=incident, state=Plan.State.PROPOSED):
        compare_and_set(old, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
        void_approvals(old)
        audit.record("plan.discarded", target=old, reason="a newer investigation has settled")


def _best_hypothesis(investigation: Investigation) -> Hypothesis | None:
    rows = investigation.hypotheses.exclude(state=HypothesisState.REFUTED).exclude(
        verdict=Hypothesis.Verdict.RULED_OUT
    )
    rows = rows.select_related("investigation").order_by("rank")
    return rows.filter(verdict=Hypothesis.Verdict.CONFIRMED).first() or rows.first()


def _first_possible(
    incident: Incident, hypothesis: Hypothesis | None
) -> tuple[Proposal | None, list[str]]:
    """The first candidate that dry-runs and may be approved, else every reason why not."""
    if hypothesis is None:
        return None, ["no explanation stands, so there is nothing to act on"]
    reasons: list[str] = []
    beyond = hypothesis.path[1:2] if hypothesis.mechanism in _FROM_OUTSIDE else []
    for service in dict.fromkeys([hypothesis.entity, *beyond]):
        try:
            return _on_service(incident, hypothesis, service, reasons), []
        except UnknownService as error:
            reasons.append(str(error))
        except ExecutorError as error:
            return None, [*reasons, str(error)]
        except Refused:
            continue
    return None, reasons


def _on_service(
    incident: Incident, hypothesis: Hypothesis, service: str, reasons: list[str]
) -> Proposal:
    """The first candidate possible on this service; each no is added to `reasons`."""
    endpoint, target = find(incident.workspace, service)
    workspace = incident.workspace
    environment = environment_of(workspace, service)
    choice = choose(_cause(hypothesis), target, limits_in(workspace), environment)
    if choice.why_none:
        reasons.append(choice.why_none)
    for candidate in choice.candidates:
        try:
            return propose(
                incident=incident,
                endpoint=endpoint,
                request=candidate.request,
                why=candidate.reason,
                hypothesis=hypothesis,
            )
        except Refused as refused:
            reasons.append(str(refused))
    raise Refused("no_candidate", f"nothing can be done on {service}")


def _cause(hypothesis: Hypothesis) -> Cause:
    return Cause(
        entity=hypothesis.entity,
        mechanism=Mechanism(hypothesis.mechanism),
        signal=hypothesis.signal,
        trigger=hypothesis.trigger,
        path=tuple(hypothesis.path),
        statement=hypothesis.statement,
    )


@transaction.atomic
def _adopt(proposal: Proposal) -> Plan:
    """Store the plan; the incident waits for its approval. The move comes first: it decides."""
    incident = Incident.objects.get(pk=proposal.incident.pk)
    if incident.state != State.AWAITING_APPROVAL:
        incidents.move(
            incident=incident,
            to=State.AWAITING_APPROVAL,
            text=f"planned: {title_of(proposal.planned.request)}, because {proposal.why}",
            kind=Kind.PLAN,
            by=proposal.requested_by,
        )
    _supersede(incident)
    return store(proposal)


@transaction.atomic
def _give_up(incident: Incident, hypothesis: Hypothesis | None, reasons: list[str]) -> None:
    runbook = matching_runbook(incident, hypothesis)
    text = "found no safe action: " + "; ".join(reasons)
    if runbook:
        text += f". Runbook: {runbook.title}"
    incidents.move(
        incident=incident,
        to=State.NO_SAFE_ACTION,
        text=text,
        kind=Kind.PLAN,
        payload={"reasons": reasons, "runbook": str(runbook.pk) if runbook else None},
    )
    _supersede(incident)


def matching_runbook(incident: Incident, hypothesis: Hypothesis | None) -> Runbook | None:
    """The published runbook that fits best: service and mechanism, then either, then general."""
    services = {incident.service_id, hypothesis.service_id if hypothesis else None} - {None}
    mechanism = hypothesis.mechanism if hypothesis else ""

    def fit(book: Runbook) -> int:
        by_service = 2 if book.service_id in services else 0
        return by_service + (1 if book.mechanism and book.mechanism == mechanism else 0)

    books = Runbook.objects.filter(workspace=incident.workspace, is_published=True)
    possible = [
        b
        for b in books.order_by("title")
        if (b.service_id is None or b.service_id in services)
        and (not b.mechanism or b.mechanism == mechanism)
    ]
    return max(possible, key=fit, default=None)
