"""What a checker may look at: the cited entries, and which of them its answer came from."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from analysis.reasoning.ledger import Ledger
from analysis.types import (
    ClaimDraft,
    ClaimVerdict,
    Edge,
    Fact,
    IncidentContext,
    LedgerEntry,
    Onset,
    Steady,
)

F = TypeVar("F", bound=Fact)
Checked = tuple[ClaimVerdict, str]
FRESH_S = 7 * 24 * 3600.0  # an edge not seen for longer cannot carry a claim
SAID = "hand"  # the source of an edge that people vouch for
SLACK_S = 30.0  # detectors average over half a minute: order within it is no order
CAUSES = frozenset({"deploy", "config", "flag"})


@dataclass
class Look:
    """One claim over the entries it cites, and nothing else of the ledger.

    So what is not cited can neither help nor harm it, and `used` says whose custody it has.
    """

    claim: ClaimDraft
    ledger: Ledger
    ctx: IncidentContext
    used: set[int] = field(default_factory=set)

    @property
    def operands(self) -> Mapping[str, Any]:
        return self.claim.operands

    @property
    def cited(self) -> list[LedgerEntry]:
        return self.ledger.cited(self.claim.evidence)

    def text(self, name: str) -> str:
        """An operand as text. Raises KeyError when the claim does not say."""
        return str(self.operands[name])

    def number(self, name: str, default: float) -> float:
        return float(self.operands.get(name, default))

    def found(self, kind: type[F], is_it: Callable[[F], bool]) -> list[F]:
        """The cited facts that fit; their entries count as used."""
        fitting = [(seq, fact) for seq, fact in self._facts(kind) if is_it(fact)]
        self.used.update(seq for seq, _ in fitting)
        return [fact for _, fact in fitting]

    def first(self, kind: type[F], is_it: Callable[[F], bool]) -> F | None:
        """The first cited fact that fits, by the number of its entry."""
        for seq, fact in self._facts(kind):
            if is_it(fact):
                self.used.add(seq)
                return fact
        return None

    def onset(self, entity: str, signal: str) -> Onset | None:
        return self.first(Onset, lambda o: (o.entity, o.signal) == (entity, signal))

    def steady(self, entity: str, signal: str) -> Steady | None:
        return self.first(Steady, lambda s: (s.entity, s.signal) == (entity, signal))

    def calls(self, src: str, dst: str) -> bool:
        """Whether a fresh edge leads from one to the other, as cited or as the incident was told.

        An edge that people vouch for does not grow old.
        """

        def leads(edge: Edge) -> bool:
            is_fresh = edge.source == SAID or self.ctx.now - edge.last_seen <= FRESH_S
            return is_fresh and (edge.src, edge.dst) == (src, dst)

        return self.first(Edge, leads) is not None or any(map(leads, self.ctx.edges))

    def is_linked(self, one: str, other: str) -> bool:
        return self.calls(one, other) or self.calls(other, one)

    def _facts(self, kind: type[F]) -> Iterator[tuple[int, F]]:
        for entry in self.cited:
            for fact in entry.draft.facts:
                if isinstance(fact, kind):
                    yield entry.seq, fact
