"""From a settled investigation to a plan that waits for approval, or a plain word why not."""

from django.db import IntegrityError, transaction

from airra.lib.db import Conflict
from analysis.models import Hypothesis, Investigation
from analysis.types import HypothesisState, Mechanism
from incidents.commands import incident as incidents
from incidents.lifecycle import IllegalMove, State
from incidents.models import Incident, TimelineEvent
from remediation.commands.acting.endpoint import that_know
from remediation.commands.acting.proposal import propose
from remediation.commands.plan import adopt, live_plan, matching_runbook, supersede
from remediation.commands.proposal import Aim, Proposal
from remediation.commands.refusal import Refused
from remediation.decision.choose import Cause, choose
from remediation.execution.base import ExecutorError, UnknownService
from remediation.models import Plan
from remediation.queries.catalogue import environment_of, limits_in

_FROM_OUTSIDE = (Mechanism.EXTERNAL, Mechanism.DEPENDENCY, Mechanism.NETWORK)


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
    hypothesis = best_hypothesis(investigation)
    proposal, reasons = _first_possible(incident, hypothesis)
    try:
        if proposal:
            return adopt(proposal)
        _give_up(incident, hypothesis, reasons)
    except (Conflict, IllegalMove, IntegrityError):
        incident.refresh_from_db()  # somebody else has decided meanwhile
    return live_plan(incident)


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


def best_hypothesis(investigation: Investigation) -> Hypothesis | None:
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
    workspace = incident.workspace
    limits, environment = limits_in(workspace), environment_of(workspace, service)
    for endpoint, target in that_know(workspace, service):
        choice = choose(_cause(hypothesis), target, limits, environment)
        if choice.why_none:
            reasons.append(choice.why_none)
        for candidate in choice.candidates:
            try:
                return propose(
                    incident=incident,
                    aims=[Aim(endpoint, candidate.request)],
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
def _give_up(incident: Incident, hypothesis: Hypothesis | None, reasons: list[str]) -> None:
    runbook = matching_runbook(incident, hypothesis)
    text = "found no safe action: " + "; ".join(reasons)
    if runbook:
        text += f". Runbook: {runbook.title}"
    incidents.move(
        incident=incident,
        to=State.NO_SAFE_ACTION,
        text=text,
        kind=TimelineEvent.Kind.PLAN,
        payload={"reasons": reasons, "runbook": str(runbook.pk) if runbook else None},
    )
    supersede(incident)
