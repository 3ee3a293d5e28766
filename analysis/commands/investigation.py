"""The search for a cause, as rows: started once, leased while it runs, settled in one transaction.

Killing the worker at any point loses one attempt: its evidence stays under its attempt number, the
lease runs out, and the sweep starts the next attempt.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from airra.lib import clock, metrics
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from analysis.commands import topology
from analysis.commands.collect import Tools
from analysis.models import Claim, Connector, Evidence, Hypothesis, Investigation
from analysis.queries import source_reports
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.factory import reasoners_for
from analysis.reasoning.scene import suspects
from analysis.signals import investigation_settled
from analysis.types import (
    Edge,
    EvidenceDraft,
    HypothesisState,
    IncidentContext,
    LedgerEntry,
    Outcome,
    SettledHypothesis,
)
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.lifecycle import TRANSITIONS, State
from incidents.models import Incident, Service, ServiceDependency, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require

log = structlog.get_logger(__name__)

Kind = TimelineEvent.Kind
LEASE = timedelta(seconds=60)
# Rates are averaged over half a minute: sooner, causes that show late look as if they were well.
SIGNALS_SETTLE = timedelta(seconds=45)
MAX_ATTEMPTS = 5
_GRACE = timedelta(seconds=10)  # the first message gets this long before it counts as lost
_MAY_START = frozenset(s for s, after in TRANSITIONS.items() if State.ANALYSING in after) | {
    State.ANALYSING
}


class CannotInvestigate(Exception):
    """The incident is past it; the message says why."""


def start(*, incident: Incident, by: User | None = None) -> Investigation:
    """Queue an investigation, or return the one that is live. Raises `CannotInvestigate`.

    One that nobody asked for waits until the signals of the trouble have had time to show.
    """
    if source_reports.is_about_a_source(incident):
        msg = f"{incident.key} is about a source that AIRRA cannot read: mend the connection"
        raise CannotInvestigate(msg)
    wait_until = None
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    elif incident.started_at + SIGNALS_SETTLE > clock.now():
        wait_until = incident.started_at + SIGNALS_SETTLE
    if State(incident.state) not in _MAY_START:
        msg = f"{incident.key} is {incident.state.replace('_', ' ')}: nothing to investigate now"
        raise CannotInvestigate(msg)
    try:
        with transaction.atomic():
            made = Investigation.objects.create(
                incident=incident,
                requested_by=by,
                lease_until=wait_until,
                stage="Letting the signals settle" if wait_until else "",
            )
            audit.record("investigation.started", target=made, by=by)
    except IntegrityError:
        made = incident.investigations.get(state__in=Investigation.LIVE)
        if by is not None:  # a person does not wait
            Investigation.objects.filter(pk=made.pk, state=Investigation.State.QUEUED).update(
                lease_until=None
            )
    enqueue(Job.INVESTIGATE, incident_id=str(incident.pk))
    return made


def run_for_incident(*, incident_id: str) -> None:
    """The job: run the live investigation, or the first one of a fresh incident."""
    incident = Incident.objects.select_related("workspace", "service").get(pk=incident_id)
    live = incident.investigations.filter(state__in=Investigation.LIVE).first()
    if live is None and not incident.investigations.exists():
        try:
            live = start(incident=incident)
        except CannotInvestigate:
            return
    if live is not None:
        run(investigation_id=str(live.pk))


def run(*, investigation_id: str) -> None:
    """Claim, gather, reason, settle. Nothing happens while somebody else holds the lease."""
    investigation = Investigation.objects.select_related(
        "incident__workspace", "incident__service"
    ).get(pk=investigation_id)
    if not _claim(investigation):
        return
    structlog.contextvars.bind_contextvars(incident=investigation.incident.key)
    try:
        with metrics.INVESTIGATION_SECONDS.time():
            _begin(investigation)
            found = _search(investigation)
            _settle(investigation, found)
    except Conflict:
        log.info("investigation_overtaken", investigation=investigation_id)
    finally:
        structlog.contextvars.unbind_contextvars("incident")


def sweep(now: datetime | None = None) -> None:
    """Wake what was lost, and give up on what fails again and again."""
    now = now or clock.now()
    late = now - _GRACE
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    waiting = Investigation.objects.filter(is_free, state__in=Investigation.LIVE)
    for investigation in waiting.filter(created_at__lte=late).select_related("incident"):
        if investigation.attempts >= MAX_ATTEMPTS:
            _give_up(investigation)
        else:
            enqueue(Job.INVESTIGATE, incident_id=str(investigation.incident_id))
    unseen = Incident.objects.filter(
        state__in=[State.OPEN, State.ACKNOWLEDGED],
        opened_at__lte=late,
        investigations__isnull=True,
    ).exclude(grouping_key__startswith=source_reports.PREFIX)
    for pk in unseen.values_list("pk", flat=True):
        enqueue(Job.INVESTIGATE, incident_id=str(pk))
    metrics.HEARTBEAT.labels(app="analysis").set(now.timestamp())


def _claim(investigation: Investigation) -> bool:
    now = clock.now()
    is_free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    claimed = Investigation.objects.filter(
        is_free, pk=investigation.pk, state__in=Investigation.LIVE, attempts__lt=MAX_ATTEMPTS
    ).update(
        state=Investigation.State.RUNNING,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        started_at=now,
        stage="Starting",
    )
    if claimed:
        investigation.refresh_from_db()
    return claimed == 1


def _still_ours(investigation: Investigation, **fields: Any) -> None:
    """Renew the lease with `fields`. Raises `Conflict` when another attempt has taken over."""
    kept = Investigation.objects.filter(
        pk=investigation.pk, state=Investigation.State.RUNNING, attempts=investigation.attempts
    ).update(lease_until=clock.now() + LEASE, **fields)
    if kept != 1:
        raise Conflict(investigation, "attempts", investigation.attempts)


def _begin(investigation: Investigation) -> None:
    incident = investigation.incident
    if incident.state == State.ANALYSING:
        return
    by = investigation.requested_by
    incidents.move(
        incident=incident,
        to=State.ANALYSING,
        text="started the investigation",
        kind=Kind.ANALYSIS,
        by=by,
        payload={"investigation": str(investigation.pk)},
    )


def _search(investigation: Investigation) -> Investigated:
    incident = investigation.incident
    topology.learn_where_stale(incident.workspace)
    ctx = context_of(incident)
    tools = Tools(incident.workspace, ctx)
    recorder = _Recorder(investigation)

    def run_tool(name: str, arguments: Mapping[str, Any]) -> LedgerEntry:
        return recorder.store(tools.run(name, arguments))

    return investigate(
        ctx,
        reasoners=reasoners_for(
            api_key=settings.ANTHROPIC_API_KEY,
            base_url=settings.ANTHROPIC_BASE_URL,
            model=settings.ANTHROPIC_MODEL,
            effort=settings.ANTHROPIC_EFFORT,
            max_turns=settings.ANTHROPIC_MAX_TURNS,
        ),
        suspects=suspects,
        run_tool=run_tool,
        on_stage=lambda stage: _still_ours(investigation, stage=stage),
    )


def context_of(incident: Incident) -> IncidentContext:
    """What a reasoner is told of the incident."""
    rows = ServiceDependency.objects.fresh().filter(caller__workspace=incident.workspace)
    edges = tuple(
        Edge(src=src, dst=dst, source=source, last_seen=seen.timestamp())
        for src, dst, source, seen in rows.values_list(
            "caller__name", "callee__name", "source", "last_seen_at"
        )
    )
    names = Service.objects.filter(workspace=incident.workspace, retired_at__isnull=True)
    return IncidentContext(
        key=incident.key,
        title=incident.title,
        service=incident.service.name if incident.service else "",
        severity=incident.severity,
        started_at=incident.started_at.timestamp(),
        now=clock.now().timestamp(),
        services=tuple(names.values_list("name", flat=True)),
        edges=edges,
    )


class _Recorder:
    """Appends tool runs to the ledger: numbered, and each hash over the one before."""

    def __init__(self, investigation: Investigation) -> None:
        self._investigation = investigation
        self._seq = 0
        self._hash = ""
        names = Connector.objects.filter(workspace=investigation.incident.workspace)
        self._connectors = {c.name: c for c in names}

    def store(self, draft: EvidenceDraft) -> LedgerEntry:
        _still_ours(self._investigation)
        self._seq += 1
        facts = [fact.to_json() for fact in draft.facts]
        row = [self._hash, self._seq, draft.tool, draft.native_query, facts, draft.view]
        body = json.dumps(row, sort_keys=True)  # canonical: databases order keys as they like
        previous, self._hash = self._hash, hashlib.sha256(body.encode()).hexdigest()
        Evidence.objects.create(
            investigation=self._investigation,
            attempt=self._investigation.attempts,
            seq=self._seq,
            tool=draft.tool,
            arguments=dict(draft.arguments),
            connector=self._connectors.get(draft.source),
            native_query=draft.native_query,
            window_start=datetime.fromtimestamp(draft.window[0], UTC),
            window_end=datetime.fromtimestamp(draft.window[1], UTC),
            duration_ms=draft.duration_ms,
            status=draft.status,
            coverage=draft.coverage,
            summary=draft.summary[:300],
            facts=facts,
            view=draft.view,
            custody=draft.custody,
            prev_hash=previous,
            hash=self._hash,
        )
        return LedgerEntry(self._seq, draft)


@transaction.atomic
def _settle(investigation: Investigation, found: Investigated) -> None:
    """Hypotheses, claims, outcome and the story, all or nothing."""
    settlement = found.settlement
    now = clock.now()
    _still_ours(
        investigation,
        stage="",
        outcome=settlement.outcome,
        reasoner=found.reasoner,
        prompt_version=found.prompt_version,
        summary=settlement.summary,
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
    count = len(settlement.hypotheses)
    text = f"ranked {count} hypotheses. {settlement.summary}" if count else settlement.summary
    timeline.record(incident, Kind.HYPOTHESES, text, payload=payload)
    audit.record("investigation.settled", target=investigation, after=payload)
    _attribute(incident, settlement.hypotheses)
    metrics.INVESTIGATIONS.labels(reasoner=found.reasoner, outcome=settlement.outcome).inc()
    for direction in ("input", "output", "cache_read"):
        tokens = found.usage.get(f"{direction}_tokens", 0)
        metrics.MODEL_TOKENS.labels(model=found.reasoner, direction=direction).inc(tokens)
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
def _give_up(investigation: Investigation) -> None:
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
    if State.NO_SAFE_ACTION in TRANSITIONS[State(incident.state)]:
        incidents.move(incident=incident, to=State.NO_SAFE_ACTION, text=reason, kind=Kind.PROBLEM)
