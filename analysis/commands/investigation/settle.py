"""An investigation ends: in a settlement, all or nothing, or because it cannot go on."""

from collections.abc import Mapping, Sequence

from django.db import transaction

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from analysis.commands.investigation import course, share
from analysis.commands.investigation.lease import MAX_ATTEMPTS, still_ours
from analysis.models import Claim, Evidence, Hypothesis, Investigation
from analysis.queries.chain import head_of
from analysis.reasoning.loop import Investigated
from analysis.signals import investigation_settled
from analysis.types import HypothesisState, Outcome, ProgressKind, SettledHypothesis
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, Service, TimelineEvent

Kind = TimelineEvent.Kind


@transaction.atomic
def settle(
    investigation: Investigation, found: Investigated, *, missed: Sequence[str] = ()
) -> None:
    """Hypotheses, claims, outcome and the story, all or nothing.

    `missed` are notes of operators that came when nobody asked for any more.
    """
    settlement = found.settlement
    now = clock.now()
    still_ours(
        investigation,
        stage="",
        outcome=settlement.outcome,
        reasoner=found.reasoner,
        prompt_version=found.prompt_version,
        summary=settlement.summary,
        narrative=found.narrative,
        second_opinion=found.second_opinion[:400],
        ended=found.ended,
        open_questions=list(settlement.open_questions),
        usage=dict(found.usage),
    )
    compare_and_set(
        investigation,
        "state",
        expect=Investigation.State.RUNNING,
        to=Investigation.State.SETTLED,
        finished_at=now,
        lease_until=None,
    )
    evidence = {
        row.seq: row for row in investigation.evidence.filter(attempt=investigation.attempts)
    }
    for rank, hypothesis in enumerate(settlement.hypotheses, 1):
        _store_hypothesis(investigation, rank, hypothesis, evidence)
    incident = investigation.incident
    payload = {"investigation": str(investigation.pk), "outcome": settlement.outcome}
    for note in found.notes:
        timeline.record(incident, Kind.PROBLEM, note[:300])
    for note in missed:
        text = f"“{note[:200]}” came too late to steer the investigation: look again with it"
        timeline.record(incident, Kind.PROBLEM, text)
    count = len(settlement.hypotheses)
    text = f"ranked {count} hypotheses. {settlement.summary}" if count else settlement.summary
    timeline.record(incident, Kind.HYPOTHESES, text, payload=payload)
    chain = {"attempt": investigation.attempts, **head_of(list(evidence.values()))}
    audit.record("investigation.settled", target=investigation, after={**payload, "ledger": chain})
    _attribute(incident, settlement.hypotheses)
    course.append(investigation, ProgressKind.SETTLED, settlement.summary, payload=payload)
    share.conclude(investigation)
    metrics.INVESTIGATIONS.labels(reasoner=found.reasoner, outcome=settlement.outcome).inc()
    investigation_settled.send(sender=Investigation, investigation=investigation)


def _store_hypothesis(
    investigation: Investigation,
    rank: int,
    settled: SettledHypothesis,
    evidence: Mapping[int, Evidence],
) -> None:
    draft = settled.draft
    workspace = investigation.incident.workspace
    row = Hypothesis.objects.create(
        investigation=investigation,
        rank=rank,
        entity=draft.entity,
        service=Service.objects.filter(workspace=workspace, name=draft.entity).first(),
        mechanism=draft.mechanism,
        signal=draft.signal[:20],
        statement=draft.statement[:300],
        trigger=draft.trigger.to_json() if draft.trigger else {},
        path=list(draft.path),
        predictions=list(draft.predictions),
        origin=draft.origin,
        state=settled.state,
        confidence=settled.confidence,
        caps=list(settled.caps),
        is_tainted=settled.is_tainted,
    )
    for claim in settled.claims:
        stored = Claim.objects.create(
            hypothesis=row,
            kind=claim.draft.kind[:20],
            is_for=claim.draft.is_for,
            statement=claim.draft.statement[:300],
            operands=dict(claim.draft.operands),
            verdict=claim.verdict,
            weight=claim.weight,
            is_open=claim.is_open,
            is_tainted=claim.is_tainted,
            explanation=claim.explanation,
        )
        stored.evidence.set([evidence[n] for n in claim.draft.evidence if n in evidence])


def _attribute(incident: Incident, ranked: tuple[SettledHypothesis, ...]) -> None:
    """Name the service of a supported cause as the affected one."""
    if not ranked or ranked[0].state is not HypothesisState.SUPPORTED:
        return
    best = ranked[0]
    service = Service.objects.filter(workspace=incident.workspace, name=best.draft.entity).first()
    if service is not None:
        incidents.attribute(incident=incident, service=service, reason=best.draft.statement)


@transaction.atomic
def give_up(investigation: Investigation) -> None:
    reason = f"the investigation failed {MAX_ATTEMPTS} times"
    try:
        compare_and_set(
            investigation,
            "state",
            expect=investigation.state,
            to=Investigation.State.FAILED,
            error=reason,
            outcome=Outcome.COULD_NOT_INVESTIGATE,
            finished_at=clock.now(),
        )
    except Conflict:
        return
    failed = Outcome.COULD_NOT_INVESTIGATE
    metrics.INVESTIGATIONS.labels(reasoner=investigation.reasoner, outcome=failed).inc()
    incident = investigation.incident
    timeline.record(incident, Kind.PROBLEM, f"{reason}; a person has to look")
    share.release_all(investigation, reason)
    if State.NO_SAFE_ACTION in TRANSITIONS[State(incident.state)]:
        incidents.move(incident=incident, to=State.NO_SAFE_ACTION, text=reason, kind=Kind.PROBLEM)
