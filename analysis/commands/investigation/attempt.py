"""What one attempt hands to the reasoners: tools that leave rows, and what operators said."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, connections

from analysis.commands.collect import Tools
from analysis.commands.investigation import course
from analysis.commands.investigation.guidance import Ear, suggestions
from analysis.commands.investigation.ledger import Recorder
from analysis.models import Investigation
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.people import drafts_of
from analysis.reasoning.scene import suspects
from analysis.reasoning.workbench import Outside
from analysis.types import (
    EvidenceDraft,
    Guidance,
    HypothesisDraft,
    IncidentContext,
    LedgerEntry,
    Progress,
)

MAX_WORKERS = 8


class Attempt:
    def __init__(self, investigation: Investigation, ctx: IncidentContext) -> None:
        self.ctx = ctx
        self.ear = Ear(investigation)
        self._investigation = investigation
        self._tools = Tools(investigation.incident.workspace, ctx)
        self._recorder = Recorder(investigation)
        self._wanted: list[str] = []
        self._heard: tuple[Guidance, ...] = ()
        self._thread = threading.get_ident()

    def tell(self, *told: Progress) -> None:
        """Raises `Cancelled` when an operator has stopped it, `Conflict` when it is not ours."""
        course.tell(self._investigation, *told)

    def outside(self) -> Outside:
        """Tools run side by side, but for a transaction: only its own thread sees its rows."""
        return Outside(
            look=self.look,
            store=self.store,
            suspects=self.suspects,
            on_progress=self.tell,
            pulse=self.tell,
            take_guidance=self.take_guidance,
            take_hypotheses=self.hypotheses,
            workers=1 if connection.in_atomic_block else MAX_WORKERS,
        )

    def look(self, name: str, arguments: Mapping[str, Any]) -> EvidenceDraft:
        """Ask a source. Safe in threads: each has a database connection of its own."""
        try:
            return self._tools.run(name, arguments)
        finally:
            if threading.get_ident() != self._thread:
                connections.close_all()

    def store(self, draft: EvidenceDraft) -> LedgerEntry:
        """The tool run on record, under its number."""
        return self._recorder.store(draft)

    def take_guidance(self) -> tuple[Guidance, ...]:
        """Notes that no model has read yet."""
        notes = (*self._heard, *self.ear.take())
        self._heard = ()
        return notes

    def hypotheses(self, ledger: Ledger) -> Sequence[HypothesisDraft]:
        """What people put forward, with what the ledger says for and against it."""
        return drafts_of(self.ctx, ledger, suggestions(self._investigation))

    def suspects(self, ctx: IncidentContext, ledger: Ledger) -> Sequence[str]:
        """Services to look at closely: those that operators name come first."""
        self._heard = self.take_guidance()
        said = " ".join(note.text.lower() for note in self._heard)
        self._wanted += [name for name in ctx.services if name.lower() in said.split()]
        named = [suggestion.entity for suggestion in suggestions(self._investigation)]
        return list(dict.fromkeys([*self._wanted, *named, *suspects(ctx, ledger)]))
