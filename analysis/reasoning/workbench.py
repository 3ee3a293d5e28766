"""What an investigation has so far: ledger, rivals, checked claims, notes of the operator.

It belongs to no model. A stage that starts anew with another provider finds all of it here, and the
tools that were run are not run again.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

from analysis.reasoning import attacks, claims, toolbox
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.settle import Candidate
from analysis.types import (
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    EvidenceDraft,
    Guidance,
    HypothesisDraft,
    IncidentContext,
    LedgerEntry,
    OnProgress,
    Progress,
    ProgressKind,
    TakeGuidance,
)

Look = Callable[[str, Mapping[str, Any]], EvidenceDraft]  # called from several threads at once
Store = Callable[[EvidenceDraft], LedgerEntry]  # called from the thread of the investigation
TakeHypotheses = Callable[[Ledger], Sequence[HypothesisDraft]]  # of people, over the ledger
Suspects = Callable[[IncidentContext, Ledger], Sequence[str]]
Wanted = tuple[str, Mapping[str, Any]]

MAX_RIVALS = 12


def nobody(_: Ledger) -> Sequence[HypothesisDraft]:
    """Nobody has put anything forward."""
    return ()


@dataclass(frozen=True)
class Outside:
    """What an investigation reaches outside of itself.

    `look` makes one tool run and may be called from `workers` threads at once; `store` numbers it,
    in the thread of the investigation. `suspects` orders the services worth a closer look at logs
    and traces. `take_guidance` gives notes that nobody has read yet; `take_hypotheses` what people
    have put forward, again and again, with what the ledger says of it. `on_progress` is called
    around every step, `pulse` every few seconds while an answer streams in; what either raises ends
    the investigation at once.
    """

    look: Look
    store: Store
    suspects: Suspects
    on_progress: OnProgress
    pulse: Callable[[], None] = lambda: None
    take_guidance: TakeGuidance = tuple
    take_hypotheses: TakeHypotheses = nobody
    workers: int = 8


@dataclass
class Rival:
    """A hypothesis with the claims that were checked for and against it, in their order."""

    draft: HypothesisDraft
    claims: list[CheckedClaim]


class Workbench:
    def __init__(self, ctx: IncidentContext, outside: Outside) -> None:
        self.ctx = ctx
        self.tell, self.pulse = outside.on_progress, outside.pulse
        self._outside = outside
        self._known: dict[str, LedgerEntry] = {}
        self._facts: set[str] = set()
        self.rivals: dict[str, Rival] = {}
        self.guidance: list[Guidance] = []

    @property
    def ledger(self) -> Ledger:
        return Ledger(tuple(sorted(self._known.values(), key=lambda e: e.seq)))

    def run(self, wanted: Sequence[Wanted]) -> list[LedgerEntry]:
        """The ledger entries of these calls, in their order; new ones run side by side.

        A call that was made before gives its first entry back and costs nothing.
        """
        keys = [toolbox.args_hash(name, arguments) for name, arguments in wanted]
        fresh = {k: call for k, call in zip(keys, wanted, strict=True) if k not in self._known}
        if self._outside.workers < 2:
            for key, call in fresh.items():
                self._start(call)
                self._finish(key, self._outside.look(*call))
        elif fresh:
            for call in fresh.values():
                self._start(call)
            with ThreadPoolExecutor(min(self._outside.workers, len(fresh))) as pool:
                waiting = [
                    pool.submit(copy_context().run, self._outside.look, name, arguments)
                    for name, arguments in fresh.values()
                ]
            for key, answer in zip(fresh, waiting, strict=True):
                self._finish(key, answer.result())
        return [self._known[key] for key in keys]

    def _start(self, call: Wanted) -> None:
        name, arguments = call
        about = arguments.get("service")
        text = f"{name} of {about}" if about else name
        payload = {"tool": name, "arguments": dict(arguments)}
        self.tell(Progress(ProgressKind.TOOL_STARTED, text, payload))

    def _finish(self, key: str, draft: EvidenceDraft) -> None:
        self._known[key] = self._outside.store(draft)
        self.tell(_finished(self._known[key]))

    def has_run(self, name: str, arguments: Mapping[str, Any]) -> bool:
        return toolbox.args_hash(name, arguments) in self._known

    def new_facts(self) -> int:
        """How many facts the ledger holds that were not there when this was last asked."""
        now = {repr(fact) for entry in self._known.values() for fact in entry.draft.facts}
        new = len(now - self._facts)
        self._facts |= now
        return new

    def propose(self, draft: HypothesisDraft) -> str:
        """The name (H1, H2 …) of this rival; the same cause keeps its name. Empty: no room."""
        for name, rival in self.rivals.items():
            if _identity(rival.draft) == _identity(draft):
                origin = rival.draft.origin
                rival.draft = replace(draft, origin=origin, claims=())
                return name
        if len(self.rivals) >= MAX_RIVALS:
            return ""
        name = f"H{len(self.rivals) + 1}"
        self.rivals[name] = Rival(replace(draft, claims=()), [])
        self.tell(
            Progress(
                ProgressKind.HYPOTHESIS_ADDED,
                draft.statement,
                {"hypothesis": name, "entity": draft.entity, "mechanism": str(draft.mechanism),
                 "origin": draft.origin},
            )
        )  # fmt: skip
        return name

    def claim(self, name: str, draft: ClaimDraft) -> CheckedClaim | None:
        """Check one claim and keep it, also when it fails. None: it cites nothing that exists.

        Raises KeyError when there is no such rival.
        """
        rival = self.rivals[name]
        checked = claims.check(draft, self.ledger, self.ctx)
        if checked is None or any(c.draft == draft for c in rival.claims):
            return checked
        rival.claims.append(checked)
        self.tell(
            Progress(
                ProgressKind.CLAIM_CHECKED,
                draft.statement,
                {
                    "hypothesis": name,
                    "kind": draft.kind,
                    "verdict": str(checked.verdict),
                    "why": checked.explanation,
                    "evidence": list(draft.evidence),
                    "is_for": draft.is_for,
                },
            )
        )
        return checked

    def argue(self, draft: HypothesisDraft) -> None:
        """A rival together with the claims of its draft."""
        name = self.propose(draft)
        for claim in draft.claims if name else ():
            self.claim(name, claim)

    def order(self, names: Sequence[str]) -> None:
        """Rank the rivals as a reasoner does, best first; its order counts a little."""
        for place, name in enumerate(n for n in names if n in self.rivals):
            rival = self.rivals[name]
            rival.draft = replace(rival.draft, score=0.5 * (1 - place))

    def candidates(self) -> list[Candidate]:
        """The rivals to settle, best first. What a person asked for stays, even without a claim."""
        kept = [r for r in self.rivals.values() if r.claims or r.draft.origin == "human"]
        kept.sort(key=lambda r: -r.draft.score)
        return [Candidate(r.draft, tuple(r.claims)) for r in kept]

    def has_argued(self) -> bool:
        """Whether a model has recorded claims that hold."""
        return any(
            claim.verdict is ClaimVerdict.HOLDS
            for rival in self.rivals.values()
            if rival.draft.origin == "model"
            for claim in rival.claims
        )

    def take_guidance(self) -> list[Guidance]:
        """Notes that nobody has read yet. They steer; they are not evidence and never become it."""
        found = list(self._outside.take_guidance())
        self.guidance += found
        return found

    def take_hypotheses(self) -> None:
        """What people have added becomes a rival like the others, unless it is one already."""
        known = {(r.draft.entity, r.draft.mechanism) for r in self.rivals.values()}
        for draft in self._outside.take_hypotheses(self.ledger):
            if (draft.entity, draft.mechanism) not in known:
                self.argue(draft)

    def attack(self) -> None:
        """Claims against the rivals that code finds by itself, checked like any other."""
        if self.rivals and attacks.were_run(self.ledger):
            self.run([attacks.CONTROL])
        for name, rival in self.rivals.items():
            for claim in attacks.attacked(rival.draft, self.ledger, self.ctx).claims:
                self.claim(name, claim)


def _identity(draft: HypothesisDraft) -> tuple[str, str, str]:
    return draft.entity, draft.mechanism, draft.trigger.id if draft.trigger else ""


def _finished(entry: LedgerEntry) -> Progress:
    draft = entry.draft
    return Progress(
        ProgressKind.TOOL_FINISHED,
        draft.summary,
        {
            "tool": draft.tool,
            "arguments": dict(draft.arguments),
            "evidence": entry.seq,
            "source": draft.source,
            "native_query": draft.native_query[:500],
            "status": str(draft.status),
            "coverage": draft.coverage,
            "facts": len(draft.facts),
            "ms": draft.duration_ms,
        },
    )
