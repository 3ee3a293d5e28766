"""Reading the ledger: which fact stands in which piece of evidence, and what was never answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from analysis.types import EvidenceDraft, EvidenceStatus, Fact, LedgerEntry

F = TypeVar("F", bound=Fact)
SILENT = frozenset({EvidenceStatus.NO_DATA, EvidenceStatus.ERROR, EvidenceStatus.DENIED})
# What every investigation looks at; whatever else was asked may go unanswered without harm.
REQUIRED = frozenset(
    {
        "get_topology",
        "list_changes",
        "get_onsets",
        "get_resource_state",
        "search_logs",
        "get_traces",
    }
)


@dataclass(frozen=True)
class Ledger:
    """The entries of one investigation, by their numbers.

    Numbers are given once and never again: one up to `issued` that has no entry was taken away,
    and counts as asked and not answered.
    """

    entries: tuple[LedgerEntry, ...]
    issued: int = 0

    def __post_init__(self) -> None:
        """Numbers order the entries, not the way they came in."""
        ordered = tuple(sorted(self.entries, key=lambda e: e.seq))
        object.__setattr__(self, "entries", ordered)
        last = ordered[-1].seq if ordered else 0
        object.__setattr__(self, "issued", max(self.issued, last))

    def was_issued(self, number: int) -> bool:
        return 1 <= number <= self.issued

    def cited(self, numbers: Sequence[int]) -> list[LedgerEntry]:
        """The entries that exist among `numbers`."""
        wanted = set(numbers)
        return [e for e in self.entries if e.seq in wanted]

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
        return [e for e in self.entries if e.draft.status in SILENT]

    def removed(self) -> list[int]:
        there = {e.seq for e in self.entries}
        return [number for number in range(1, self.issued + 1) if number not in there]

    def is_short(self) -> bool:
        """Whether something that every investigation looks at was not answered, or is gone."""
        unanswered = [e for e in self.silent() if e.draft.tool in REQUIRED and not is_control(e)]
        return bool(unanswered) or bool(self.removed())


def is_control(entry: LedgerEntry) -> bool:
    """Whether it looks at a time before the incident, to compare with."""
    return bool(entry.draft.arguments.get("hours_earlier"))


def numbered(seq: int, draft: EvidenceDraft) -> LedgerEntry:
    """The tool run under its number; its view opens with what every reader needs to know first."""
    cut = ", cut" if draft.is_truncated else ""
    opening = f"E{seq} {draft.tool}: {draft.status}, coverage {draft.coverage:.0%}{cut}"
    return LedgerEntry(seq, replace(draft, view=f"{opening}\n{draft.view}"))
