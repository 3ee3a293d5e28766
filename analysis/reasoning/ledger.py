"""Reading the ledger: which fact stands in which piece of evidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from analysis.types import EvidenceStatus, Fact, LedgerEntry

F = TypeVar("F", bound=Fact)
_SILENT = frozenset({EvidenceStatus.NO_DATA, EvidenceStatus.ERROR, EvidenceStatus.DENIED})


@dataclass(frozen=True)
class Ledger:
    """The entries of one investigation, by their numbers."""

    entries: tuple[LedgerEntry, ...]

    def cited(self, numbers: Sequence[int]) -> list[LedgerEntry]:
        """The entries that exist among `numbers`."""
        return [e for e in self.entries if e.seq in set(numbers)]

    def facts(self, kind: type[F], numbers: Sequence[int] | None = None) -> Iterator[F]:
        """Facts of one kind, of all entries or of the cited ones."""
        for entry in self.entries if numbers is None else self.cited(numbers):
            for fact in entry.draft.facts:
                if isinstance(fact, kind):
                    yield fact

    def seq_of(self, fact: Fact) -> int:
        """The number of the first entry that holds this fact; 0 when none does."""
        return next((e.seq for e in self.entries if fact in e.draft.facts), 0)

    def by_tool(self, tool: str) -> list[LedgerEntry]:
        return [e for e in self.entries if e.draft.tool == tool]

    def silent(self) -> list[LedgerEntry]:
        """Entries whose source could not tell: never to be read as health."""
        return [e for e in self.entries if e.draft.status in _SILENT]
