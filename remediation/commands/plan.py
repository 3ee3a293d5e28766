"""What becomes of plans: adopted, replaced, discarded; and the wishes that lead to new ones.

A wish needs a dry run, and only the executor process asks targets: here it becomes a row.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib.db import compare_and_set
from analysis.models import Hypothesis
from incidents.commands import audit
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands.proposal import Proposal, checked_request, store
from remediation.commands.refusal import Refused
from remediation.commands.request import wish
from remediation.execution.course import MAX_STEPS
from remediation.models import Approval, Plan, PlanRequest, Runbook
from remediation.types import ActionRequest

Kind = TimelineEvent.Kind
LIVE = (Plan.State.PROPOSED, Plan.State.APPROVED)
# Where a person may ask for an action: nothing else is being decided or done.
_MAY_REQUEST = (State.ANALYSING, State.NO_SAFE_ACTION)


def live_plan(incident: Incident) -> Plan | None:
    return Plan.objects.filter(incident=incident, state__in=LIVE).first()


@transaction.atomic
def replace_with(*, plan: Plan, proposal: Proposal, by: User | None) -> Plan:
    """Discard one plan for another that is already dry-run, in one transaction."""
    if plan.state == Plan.State.PROPOSED:
        compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
    void_approvals(plan, why="a fresh dry run has replaced the one it was about")
    audit.record("plan.revised", target=plan, by=by, before={"hash": plan.plan_hash})
    return adopt(proposal)


@transaction.atomic
def discard(*, plan: Plan, by: User, reason: str = "") -> Plan:
    """Drop a proposed plan; the incident is left to people."""
    require(by, Permission.RESPOND, plan.incident.workspace)
    retire(plan, text=f"discarded “{plan.title}”", by=by, reason=reason)
    return plan


def retire(plan: Plan, *, text: str, by: User | None = None, reason: str = "") -> None:
    """Proposed to discarded, approvals void, and the incident, if it waited for it, to people."""
    compare_and_set(plan, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
    void_approvals(plan, why=f"{text}: {reason}" if reason else text)
    audit.record("plan.discarded", target=plan, by=by, reason=reason)
    incident = Incident.objects.get(pk=plan.incident_id)
    if incident.state == State.AWAITING_APPROVAL:
        said = f"{text}: {reason}" if reason else text
        incidents.move(
            incident=incident, to=State.NO_SAFE_ACTION, text=said, kind=Kind.APPROVAL, by=by
        )


def void_approvals(plan: Plan, *, why: str) -> None:
    """End what still waits for an answer about this plan; the row says why."""
    waiting = plan.approvals.filter(state=Approval.State.PENDING)
    if waiting.update(state=Approval.State.VOID, void_reason=why[:300]):
        audit.record("approval.void", target=plan, before={"hash": plan.plan_hash}, reason=why)


def supersede(incident: Incident) -> None:
    """What an earlier investigation proposed is void once a newer one has settled."""
    for old in Plan.objects.filter(incident=incident, state=Plan.State.PROPOSED):
        compare_and_set(old, "state", expect=Plan.State.PROPOSED, to=Plan.State.DISCARDED)
        void_approvals(old, why="a newer investigation has settled")
        audit.record("plan.discarded", target=old, reason="a newer investigation has settled")


@transaction.atomic
def adopt(proposal: Proposal) -> Plan:
    """Store the plan; the incident waits for its approval. The move comes first: it decides."""
    incident = Incident.objects.get(pk=proposal.incident.pk)
    if incident.state != State.AWAITING_APPROVAL:
        incidents.move(
            incident=incident,
            to=State.AWAITING_APPROVAL,
            text=f"planned: {proposal.title}, because {proposal.why}",
            kind=Kind.PLAN,
            by=proposal.requested_by,
        )
    supersede(incident)
    return store(proposal)


def request_action(
    *,
    incident: Incident,
    action: str,
    service: str,
    params: Mapping[str, Any],
    by: User,
    then: Sequence[ActionRequest] = (),
) -> PlanRequest:
    """Ask for an action, and for what shall follow it; the same person cannot approve it.

    Raises `Refused`.
    """
    require(by, Permission.RESPOND, incident.workspace)
    check_may_request(incident)
    if len(then) >= MAX_STEPS:
        raise Refused("steps", f"a plan has 1 to {MAX_STEPS} steps, not {len(then) + 1}")
    for step in (ActionRequest(action, service, params), *then):
        checked_request(step, incident=incident)
    return wish(
        incident=incident,
        kind=PlanRequest.Kind.ACTION,
        by=by,
        action=action,
        service_name=service,
        params=dict(params),
        then=[{"action": s.action, "service": s.service, "params": dict(s.params)} for s in then],
    )


def check_may_request(incident: Incident) -> None:
    if incident.state not in _MAY_REQUEST or live_plan(incident):
        msg = f"{incident.key} is {incident.state}: ask for an action when nothing else is pending"
        raise Refused("incident_state", msg)


def revise(*, plan: Plan, by: User | None) -> PlanRequest:
    """Ask for a fresh dry run of the same action; then every old approval is void.

    `by` None is AIRRA itself, after the target moved. Raises `Refused` and changes nothing when
    another plan is live.
    """
    if by is not None:
        require(by, Permission.RESPOND, plan.incident.workspace)
    check_may_revise(plan)
    return wish(incident=plan.incident, kind=PlanRequest.Kind.REVISE, by=by, plan=plan)


def check_may_revise(plan: Plan) -> None:
    other = live_plan(plan.incident)
    if plan.state == Plan.State.APPROVED or (other and other.pk != plan.pk):
        raise Refused("one_plan", "another plan of this incident is live")


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
