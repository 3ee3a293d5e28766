"""The ledger as rows: every tool run appended, numbered and chained."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airra.lib import clock
from analysis.commands.investigation.lease import still_ours
from analysis.models import Connector, Evidence, Investigation
from analysis.queries.chain import hash_of
from analysis.reasoning.ledger import numbered
from analysis.reasoning.toolbox import args_hash
from analysis.types import EvidenceDraft, LedgerEntry


class Recorder:
    """Appends tool runs to the ledger: numbered, and each hash over the one before.

    Called from the thread that runs the investigation only, so numbers follow the order in which
    answers were asked for, however many of them were waited for at once.
    """

    def __init__(self, investigation: Investigation) -> None:
        self._investigation = investigation
        self._hash = ""
        self._known: dict[str, LedgerEntry] = {}
        names = Connector.objects.filter(workspace=investigation.incident.workspace)
        self._connectors = {c.name: c for c in names}

    def known(self, name: str, arguments: Mapping[str, Any]) -> LedgerEntry | None:
        """The entry of the same call, where it was made before."""
        return self._known.get(args_hash(name, arguments))

    def store(self, draft: EvidenceDraft) -> LedgerEntry:
        """A new row, or the first one of the same call."""
        still_ours(self._investigation)
        asked = args_hash(draft.tool, draft.arguments)
        if asked not in self._known:
            entry = numbered(len(self._known) + 1, draft)
            self._append(entry, asked)
            self._known[asked] = entry
        return self._known[asked]

    def _append(self, entry: LedgerEntry, asked: str) -> None:
        draft = entry.draft
        row = Evidence(
            investigation=self._investigation,
            attempt=self._investigation.attempts,
            seq=entry.seq,
            tool=draft.tool,
            tool_version=draft.tool_version,
            arguments=dict(draft.arguments),
            args_hash=asked,
            connector=self._connectors.get(draft.source),
            native_query=draft.native_query,
            window_start=datetime.fromtimestamp(draft.window[0], UTC),
            window_end=datetime.fromtimestamp(draft.window[1], UTC),
            executed_at=clock.now(),
            duration_ms=draft.duration_ms,
            status=draft.status,
            coverage=draft.coverage,
            summary=draft.summary[:300],
            facts=[fact.to_json() for fact in draft.facts],
            view=draft.view,
            raw_sha256=draft.raw_sha256,
            is_truncated=draft.is_truncated,
            custody=draft.custody,
            prev_hash=self._hash,
        )
        row.hash = self._hash = hash_of(row)
        row.save(force_insert=True)
