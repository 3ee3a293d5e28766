"""One investigation from the first tool run to the settlement. Pure: tools come as a function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.reasoning import attacks, claims
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.base import Proposal, Reasoner, ReasonerError
from analysis.reasoning.settle import Candidate, settle
from analysis.types import HypothesisDraft, IncidentContext, LedgerEntry, Settlement

Ask = Callable[[str, Mapping[str, Any]], LedgerEntry]

# What is looked at before anybody has an opinion.
_FIRST: tuple[tuple[str, dict[str, Any]], ...] = (
    ("get_topology", {}),
    ("list_changes", {}),
    ("get_onsets", {}),
    ("get_resource_state", {}),
)
_CLOSER = ("search_logs", "get_traces")
_MAX_CLOSER = 3


@dataclass(frozen=True)
class Investigated:
    """What came of it; `notes` say which reasoner gave up and why."""

    ledger: Ledger
    settlement: Settlement
    reasoner: str
    prompt_version: str
    usage: Mapping[str, int]
    notes: tuple[str, ...]


class _Recorder:
    """Runs tools through `ask`, keeps the ledger, and gives a repeated call its first answer."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], LedgerEntry] = {}

    def run(self, name: str, arguments: Mapping[str, Any]) -> LedgerEntry:
        key = name, repr(sorted(arguments.items()))
        if key not in self._known:
            self._known[key] = self._ask(name, arguments)
        return self._known[key]

    @property
    def ledger(self) -> Ledger:
        return Ledger(tuple(sorted(self._known.values(), key=lambda e: e.seq)))


def investigate(
    ctx: IncidentContext,
    *,
    reasoners: Sequence[Reasoner],
    suspects: Callable[[IncidentContext, Ledger], Sequence[str]],
    run_tool: Ask,
    on_stage: Callable[[str], None],
) -> Investigated:
    """Gather, ask the first reasoner that can, check every claim, settle.

    `suspects` orders the services worth a closer look at logs and traces. The last reasoner is
    the offline one, so that there is always an answer.
    """
    recorder = _Recorder(run_tool)
    on_stage("Gathering evidence")
    for name, arguments in _FIRST:
        recorder.run(name, arguments)
    for service in suspects(ctx, recorder.ledger)[:_MAX_CLOSER]:
        for name in _CLOSER:
            recorder.run(name, {"service": service})
    on_stage("Testing hypotheses")
    reasoner, proposal, notes = _first_answer(ctx, reasoners, recorder)
    on_stage("Ranking")
    ledger = recorder.ledger
    candidates = [_checked(draft, ledger, ctx) for draft in proposal.drafts]
    candidates = [c for c in candidates if c.claims]
    settlement = settle(
        candidates,
        ledger,
        is_offline=reasoner.is_offline,
        was_refuted=attacks.were_run(ledger),
    )
    return Investigated(
        ledger, settlement, reasoner.name, reasoner.prompt_version, proposal.usage, tuple(notes)
    )


def _first_answer(
    ctx: IncidentContext, reasoners: Sequence[Reasoner], recorder: _Recorder
) -> tuple[Reasoner, Proposal, list[str]]:
    notes: list[str] = []
    for reasoner in reasoners[:-1]:
        try:
            return reasoner, reasoner.propose(ctx, recorder.ledger, recorder.run), notes
        except ReasonerError as error:
            notes.append(f"{reasoner.name} gave up ({error}); the offline reasoner took over")
    last = reasoners[-1]
    return last, last.propose(ctx, recorder.ledger, recorder.run), notes


def _checked(draft: HypothesisDraft, ledger: Ledger, ctx: IncidentContext) -> Candidate:
    """Claims that cite nothing real are dropped here; what code finds against it is added."""
    draft = attacks.attacked(draft, ledger, ctx)
    checked = (claims.check(claim, ledger, ctx) for claim in draft.claims)
    return Candidate(draft, tuple(c for c in checked if c is not None))
