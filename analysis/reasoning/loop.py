"""One investigation: collect → investigate → refute → settle → narrate (`reasoning.md` §3.1).

Pure: tools, rows, models and the clock come from outside. Each stage is its own conversation and
can start anew with another provider, from the ledger. Code settles; the models only propose. Where
no model is left, or none was given, the offline reasoner goes on over the same ledger.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.reasoning import attacks, prompts
from analysis.reasoning.gate import BudgetExhausted, LeakStopped
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.limits import Ended, Limits, Meter
from analysis.reasoning.reasoners.base import Proposal, Reasoners
from analysis.reasoning.reasoners.chain import OFFLINE, Chain
from analysis.reasoning.reasoners.dialogue import Room
from analysis.reasoning.reasoners.investigator import STAGE as TESTING
from analysis.reasoning.reasoners.investigator import investigate_with
from analysis.reasoning.reasoners.narrator import STAGE as NARRATING
from analysis.reasoning.reasoners.narrator import narrate_with, narrative
from analysis.reasoning.reasoners.refuter import STAGE as REFUTING
from analysis.reasoning.reasoners.refuter import refute_with
from analysis.reasoning.settle import settle
from analysis.reasoning.talk import Model
from analysis.reasoning.workbench import Outside, Suspects, Wanted, Workbench
from analysis.types import (
    IncidentContext,
    Progress,
    ProgressKind,
    Settlement,
)

# What is looked at before anybody has an opinion.
_FIRST: tuple[Wanted, ...] = (
    ("get_topology", {}),
    ("list_changes", {}),
    ("get_onsets", {}),
    ("get_resource_state", {}),
)
_CLOSER = ("search_logs", "get_traces")
_MAX_CLOSER = 3
_AGREED = 0.3  # what it is worth, in log-odds, that the offline reasoner says the same
_MAX_ATTACKS = 2
_NEARLY = 0.95  # of a limit: it was this one


@dataclass(frozen=True)
class Investigated:
    """What came of it; `notes` say which reasoner gave up and why."""

    ledger: Ledger
    settlement: Settlement
    reasoner: str
    prompt_version: str
    usage: Mapping[str, int]
    notes: tuple[str, ...]
    narrative: str = ""
    ended: Ended = Ended.CONCLUDED
    cost_usd: float = 0.0
    second_opinion: str = ""  # what the offline reasoner says beside a model

    @property
    def is_resumable(self) -> bool:
        """The budget ended it: with more, it could go on."""
        return self.ended.is_budget


def investigate(
    ctx: IncidentContext,
    *,
    reasoners: Reasoners,
    outside: Outside,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Investigated:
    """Gather, ask, check, refute, settle, write down. `clock` gives seconds of a steady clock.

    Raises what `outside` raises: `Cancelled`, from between any two steps. The models are closed
    when it ends, so each investigation needs its own.
    """
    bench = Workbench(ctx, outside)
    room = Room(bench, Meter(limits or Limits(), clock), reasoners.gate)
    chain = Chain(reasoners.models, breakers=reasoners.breakers, on_progress=outside.on_progress)
    case = _Case(reasoners, room, chain)
    try:
        case.collect(outside.suspects)
        return case.conclude(case.search())
    finally:
        for model in reasoners.models:
            model.close()


class _Case:
    """The stages of one investigation, and what they leave for the next."""

    def __init__(self, reasoners: Reasoners, room: Room, chain: Chain) -> None:
        self._reasoners, self._room, self._chain = reasoners, room, chain
        self._bench = room.bench
        self._ended = Ended.CONCLUDED
        self._stop: str = ""  # why nothing more may be sent
        self._opinion: Proposal | None = None

    def collect(self, suspects: Suspects) -> None:
        self._stage("Gathering evidence")
        self._bench.run(_FIRST)
        closer = suspects(self._bench.ctx, self._bench.ledger)[:_MAX_CLOSER]
        self._bench.run([(name, {"service": service}) for service in closer for name in _CLOSER])

    def search(self) -> str:
        """Rivals with claims, by the first model that can. The name of who argued them."""
        self._stage(TESTING)
        self._bench.take_hypotheses()
        ended = self._sent(lambda m, plain: investigate_with(m, self._room, plain=plain))
        self._ended = ended or self._ended
        is_cut_short = bool(self._stop) or self._ended.is_budget
        if self._bench.has_argued() if is_cut_short else ended is not None:
            return self._chain.last
        self._argue_offline()
        return OFFLINE

    def conclude(self, reasoner: str) -> Investigated:
        was_refuted = (
            self._refute() if reasoner != OFFLINE else attacks.were_run(self._bench.ledger)
        )
        opinion = self._second_opinion() if reasoner != OFFLINE else ""
        self._stage("Ranking")
        self._bench.take_hypotheses()
        self._bench.attack()
        settlement = self._settled(reasoner, was_refuted=was_refuted)
        notes = [*self._chain.notes, *([self._stop] if self._stop else [])]
        text = self._narrated(settlement)
        meter = self._room.meter
        return Investigated(
            ledger=self._bench.ledger,
            settlement=settlement,
            reasoner=reasoner,
            prompt_version=prompts.VERSION if reasoner != OFFLINE else "",
            usage={
                **meter.tokens.to_json(),
                "turns": meter.turns,
                "tool_calls": meter.tool_calls,
            },
            notes=tuple(notes),
            narrative=text,
            ended=self._ended,
            cost_usd=meter.cost_usd,
            second_opinion=opinion,
        )

    def _sent(self, attempt: Callable[[Model, bool], Any]) -> Any:
        """What a model makes of a stage. None when none can, or when nothing more may leave."""
        if self._stop:
            return None
        try:
            return self._chain.run(attempt)
        except BudgetExhausted as error:
            # What the meter does not know is the money of the day, or what a call might cost.
            self._ended = self._room.meter.ended(share=_NEARLY) or Ended.MONEY
            self._stop = f"the budget ended: {error}; what there was is settled"
        except LeakStopped as error:
            self._stop = f"nothing more is sent: {error}"
        return None

    def _refute(self) -> bool:
        """Attack the leader; where that puts another one ahead, attack that one too."""
        attacked: set[str] = set()
        while len(attacked) < _MAX_ATTACKS:
            leader = self._leader()
            if not leader or leader in attacked:
                break
            if self._chain.is_empty or self._room.meter.ended(share=1.0) is not None:
                break
            self._stage(REFUTING)
            if not self._attack(leader):
                break
            attacked.add(leader)
        return bool(attacked) and self._leader() in attacked

    def _attack(self, name: str) -> bool:
        return bool(self._sent(lambda m, plain: refute_with(m, self._room, name, plain=plain)))

    def _leader(self) -> str:
        """The name of the rival that would be settled first."""
        found = settle(
            self._bench.candidates(), self._bench.ledger, is_offline=False, was_refuted=True
        )
        if not found.hypotheses:
            return ""
        best = found.hypotheses[0].draft
        return next((n for n, r in self._bench.rivals.items() if r.draft == best), "")

    def _argue_offline(self) -> None:
        for draft in self._offline().drafts:
            self._bench.argue(draft)

    def _offline(self) -> Proposal:
        if self._opinion is None:
            self._opinion = self._reasoners.offline.propose(self._bench.ctx, self._bench.ledger)
        return self._opinion

    def _second_opinion(self) -> str:
        """Whether the offline reasoner, which no model has seen, says the same."""
        drafts = self._offline().drafts
        leader = self._leader()
        if not drafts or not leader:
            return ""
        rival = self._bench.rivals[leader]
        first = drafts[0]
        if first.entity != rival.draft.entity:
            return f"The offline reasoner would look at {first.entity} first: {first.statement}"
        rival.draft = replace(rival.draft, score=rival.draft.score + _AGREED)
        return f"The offline reasoner names {first.entity} too."

    def _settled(self, reasoner: str, *, was_refuted: bool) -> Settlement:
        found = settle(
            self._bench.candidates(),
            self._bench.ledger,
            is_offline=reasoner == OFFLINE,
            was_refuted=was_refuted,
        )
        if not self._ended.is_budget:
            return found
        _, which = self._room.meter.most_used()
        question = f"The budget ended ({self._stop or which}): going on may settle it."
        return replace(found, open_questions=(question, *found.open_questions))

    def _narrated(self, settlement: Settlement) -> str:
        own = narrative(settlement)
        if not settlement.hypotheses or self._room.meter.ended(share=1.0) is not None:
            return own
        if not self._stop and not self._chain.is_empty:
            self._stage(NARRATING)
        return self._sent(lambda m, _: narrate_with(m, self._room, settlement)) or own

    def _stage(self, name: str) -> None:
        self._bench.tell(Progress(ProgressKind.STAGE, name, {"stage": name}))
