"""What an investigation reaches: tools that answer from facts, and a ledger that numbers them."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.reasoning.workbench import Outside, Suspects
from analysis.types import EvidenceDraft, Fact, LedgerEntry
from tests.unit.reasoning.world import entry


def outside(
    answers: Mapping[str, Sequence[Fact]],
    *,
    suspects: Suspects = lambda *_: (),
    views: Mapping[str, str] | None = None,
    **more: Any,
) -> Outside:
    """Each tool answers with its facts and view; those that have none with nothing."""
    numbered: list[LedgerEntry] = []

    def look(name: str, arguments: Mapping[str, Any]) -> EvidenceDraft:
        draft = entry(0, name, *answers.get(name, ()), view=(views or {}).get(name, "")).draft
        return type(draft)(**{**draft.__dict__, "arguments": dict(arguments)})

    def store(draft: EvidenceDraft) -> LedgerEntry:
        numbered.append(LedgerEntry(len(numbered) + 1, draft))
        return numbered[-1]

    fields = {"on_progress": lambda _: None, **more}
    return Outside(look=look, store=store, suspects=suspects, **fields)
