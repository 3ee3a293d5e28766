"""The ledger as rows: every tool run appended, numbered and chained."""

import hashlib
import json
from datetime import UTC, datetime

from analysis.commands.investigation.lease import still_ours
from analysis.models import Connector, Evidence, Investigation
from analysis.types import EvidenceDraft, LedgerEntry


class Recorder:
    """Appends tool runs to the ledger: numbered, and each hash over the one before."""

    def __init__(self, investigation: Investigation) -> None:
        self._investigation = investigation
        self._seq = 0
        self._hash = ""
        names = Connector.objects.filter(workspace=investigation.incident.workspace)
        self._connectors = {c.name: c for c in names}

    def store(self, draft: EvidenceDraft) -> LedgerEntry:
        still_ours(self._investigation)
        self._seq += 1
        facts = [fact.to_json() for fact in draft.facts]
        row = [self._hash, self._seq, draft.tool, draft.native_query, facts, draft.view]
        body = json.dumps(row, sort_keys=True)  # canonical: databases order keys as they like
        previous, self._hash = self._hash, hashlib.sha256(body.encode()).hexdigest()
        Evidence.objects.create(
            investigation=self._investigation,
            attempt=self._investigation.attempts,
            seq=self._seq,
            tool=draft.tool,
            arguments=dict(draft.arguments),
            connector=self._connectors.get(draft.source),
            native_query=draft.native_query,
            window_start=datetime.fromtimestamp(draft.window[0], UTC),
            window_end=datetime.fromtimestamp(draft.window[1], UTC),
            duration_ms=draft.duration_ms,
            status=draft.status,
            coverage=draft.coverage,
            summary=draft.summary[:300],
            facts=facts,
            view=draft.view,
            custody=draft.custody,
            prev_hash=previous,
            hash=self._hash,
        )
        return LedgerEntry(self._seq, draft)
