"""What one attempt hands to the reasoners: tools that leave rows, and what operators said."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.commands.collect import Tools
from analysis.commands.investigation import course
from analysis.commands.investigation.guidance import Ear, suggestions
from analysis.commands.investigation.ledger import Recorder
from analysis.models import Investigation
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.scene import suspects
from analysis.types import (
    EvidenceDraft,
    IncidentContext,
    LedgerEntry,
    Progress,
    ProgressKind,
    Suggestion,
)


class Attempt:
    def __init__(self, investigation: Investigation, ctx: IncidentContext) -> None:
        self.ctx = ctx
        self.ear = Ear(investigation)
        self._investigation = investigation
        self._tools = Tools(investigation.incident.workspace, ctx)
        self._recorder = Recorder(investigation)
        self._wanted: list[str] = []

    def tell(self, *told: Progress) -> None:
        """Raises `Cancelled` when an operator has stopped it, `Conflict` when it is not ours."""
        course.tell(self._investigation, *told)

    def run_tool(self, name: str, arguments: Mapping[str, Any]) -> LedgerEntry:
        """Ask a source, and put the question and the answer on record; once for the same call."""
        known = self._recorder.known(name, arguments)
        if known is not None:
            return known
        about = str(arguments.get("service", ""))
        words = f"{name} of {about}" if about else name
        started = {"tool": name, "arguments": dict(arguments)}
        self.tell(Progress(ProgressKind.TOOL_STARTED, words, started))
        entry = self._recorder.store(self._tools.run(name, arguments))
        self.tell(Progress(ProgressKind.TOOL_FINISHED, entry.draft.summary, _answered(entry)))
        return entry

    def suggestions(self) -> Sequence[Suggestion]:
        return suggestions(self._investigation)

    def suspects(self, ctx: IncidentContext, ledger: Ledger) -> Sequence[str]:
        """Services to look at closely: those that operators name come first."""
        said = " ".join(note.text.lower() for note in self.ear.take())
        self._wanted += [name for name in ctx.services if name.lower() in said.split()]
        named = [suggestion.entity for suggestion in self.suggestions()]
        return list(dict.fromkeys([*self._wanted, *named, *suspects(ctx, ledger)]))


def _answered(entry: LedgerEntry) -> dict[str, Any]:
    draft: EvidenceDraft = entry.draft
    return {
        "seq": entry.seq,
        "tool": draft.tool,
        "source": draft.source,
        "query": draft.native_query[:500],
        "status": draft.status,
        "coverage": draft.coverage,
        "rows": len(draft.facts),
        "ms": draft.duration_ms,
    }
