"""An investigation played again from its rows: the same bytes asked, or what differs."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airra.lib import clock
from airra.lib.sealed import unseal
from analysis.commands.evaluation import ledger_of
from analysis.commands.investigation.guidance import suggestions
from analysis.commands.model_budget import ceilings
from analysis.commands.model_gate import names_before
from analysis.commands.model_script import chain_of, context_of
from analysis.models import Investigation, ModelPayload, ModelScript
from analysis.reasoning.gate import Cassette, Ceilings, Gate, Pseudonyms, Purse, ReplayMiss
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.limits import Limits
from analysis.reasoning.loop import Investigated, investigate
from analysis.reasoning.reasoners.breaker import Breakers
from analysis.reasoning.reasoners.factory import reasoners_for
from analysis.reasoning.reasoners.people import drafts_of
from analysis.reasoning.toolbox import args_hash
from analysis.reasoning.workbench import Outside
from analysis.types import (
    CallStatus,
    Custody,
    EvidenceDraft,
    EvidenceStatus,
    Guidance,
    HypothesisDraft,
    IncidentContext,
    LeavePolicy,
    LedgerEntry,
    Recorded,
)

_UNBOUNDED = Ceilings(cost_usd=0, turns=0, tokens=0, wall_s=0)


class CannotReplay(Exception):
    """Something of the record is gone; the message says what."""


@dataclass(frozen=True)
class Replayed:
    """What a replay asked and concluded. `differences` is empty when it was the same."""

    calls: int
    differences: tuple[str, ...]
    found: Investigated | None  # None: it asked what was never recorded


def replay(*, investigation: Investigation) -> Replayed:
    """Play the last attempt again; nothing is sent and no source is asked.

    Raises `CannotReplay` when payloads are deleted, or the attempt was made before it was recorded.
    """
    script = investigation.scripts.filter(attempt=investigation.attempts).first()
    if script is None:
        msg = f"attempt {investigation.attempts} has no script: it was not recorded"
        raise CannotReplay(msg)
    cassette = cassette_of(investigation)
    gate = Gate(
        pseudonyms=Pseudonyms(names_before(investigation), readable=context_of(script).services),
        budget=Purse(_UNBOUNDED, lambda: 0.0),
        cassette=cassette,
        policies={name: LeavePolicy(p) for name, p in script.policies.items()},
    )
    calls = cassette.unplayed
    try:
        found = play(investigation, script, gate)
    except ReplayMiss as miss:
        return Replayed(calls, (str(miss),), None)
    return Replayed(calls, tuple(_differences(investigation, cassette, found)), found)


def cassette_of(investigation: Investigation) -> Cassette:
    """What the last attempt recorded, in its order. Raises `CannotReplay`."""
    calls = investigation.model_calls.filter(attempt=investigation.attempts).order_by("seq")
    payloads = {p.call_id: p for p in ModelPayload.objects.filter(call__in=calls)}
    recorded, refused = [], {}
    for call in calls:
        if call.status == CallStatus.BLOCKED:
            refused[call.request_sha] = call.reason
        elif call.pk not in payloads:
            msg = f"the payload of call {call.seq} is deleted: its time was over"
            raise CannotReplay(msg)
        else:
            recorded.append(_recorded(payloads[call.pk]))
    return Cassette(recorded, refused)


def play(investigation: Investigation, script: ModelScript, gate: Gate) -> Investigated:
    """The loop over the stored ledger, through this gate."""
    ctx = context_of(script)
    most = ceilings()
    with clock.frozen(script.at):
        made = reasoners_for(chain_of(script), gate)
        return investigate(
            ctx,
            reasoners=replace(made, breakers=Breakers(lambda: 0.0)),
            outside=_Stored(investigation, script, ctx).outside(),
            limits=Limits(turns=most.turns, wall_s=most.wall_s, cost_usd=most.cost_usd),
            clock=lambda: 0.0,
        )


class _Stored:
    """The outside of an investigation, as its rows have it."""

    def __init__(
        self, investigation: Investigation, script: ModelScript, ctx: IncidentContext
    ) -> None:
        self._script, self._ctx = script, ctx
        entries = ledger_of(investigation).entries
        self._drafts = {args_hash(e.draft.tool, e.draft.arguments): e.draft for e in entries}
        self._suggestions = suggestions(investigation)
        self._notes = deque(script.guidance)
        self._counts = deque(script.suggestions)
        self._numbers = 0

    def outside(self) -> Outside:
        return Outside(
            look=self._look,
            store=self._store,
            suspects=lambda *_: list(self._script.context.get("suspects", ())),
            on_progress=lambda *_: None,
            take_guidance=self._take_guidance,
            take_hypotheses=self._take_hypotheses,
            workers=1,
        )

    def _look(self, name: str, arguments: Mapping[str, Any]) -> EvidenceDraft:
        draft = self._drafts.get(args_hash(name, arguments))
        if draft is not None:
            return draft
        return EvidenceDraft(
            tool=name,
            arguments=dict(arguments),
            source="",
            native_query="",
            window=(self._ctx.started_at, self._ctx.now),
            status=EvidenceStatus.ERROR,
            coverage=0.0,
            summary="not recorded",
            custody=Custody.PLATFORM_API,
        )

    def _store(self, draft: EvidenceDraft) -> LedgerEntry:
        self._numbers += 1
        # What a view says of its own number was stored with it.
        return LedgerEntry(self._numbers, draft)

    def _take_guidance(self) -> tuple[Guidance, ...]:
        notes = self._notes.popleft() if self._notes else []
        return tuple(Guidance(**note) for note in notes)

    def _take_hypotheses(self, ledger: Ledger) -> Sequence[HypothesisDraft]:
        count = self._counts.popleft() if self._counts else len(self._suggestions)
        return drafts_of(self._ctx, ledger, self._suggestions[:count])


def _recorded(payload: ModelPayload) -> Recorded:
    return Recorded(
        payload.method,
        payload.path,
        unseal(payload.request),
        payload.http_status,
        payload.headers,
        unseal(payload.response),
        payload.error,
    )


def _differences(
    investigation: Investigation, cassette: Cassette, found: Investigated
) -> list[str]:
    """Where the end is another one than the rows have."""
    told = []
    if cassette.unplayed:
        told.append(f"{cassette.unplayed} recorded calls were not made")
    settlement = found.settlement
    if investigation.outcome != settlement.outcome:
        told.append(f"outcome {settlement.outcome}, stored {investigation.outcome}")
    stored = [
        (h.entity, h.mechanism, h.state, round(h.confidence, 6))
        for h in investigation.hypotheses.order_by("rank")
    ]
    now = [
        (h.draft.entity, h.draft.mechanism, h.state, round(h.confidence, 6))
        for h in settlement.hypotheses
    ]
    told += [f"now {b}, stored {a}" for a, b in zip(stored, now, strict=False) if a != b]
    if len(stored) != len(now):
        told.append(f"{len(now)} hypotheses, stored {len(stored)}")
    return told
