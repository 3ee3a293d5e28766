"""The hash chain of a ledger: what each row's hash covers, and whether the chain still holds.

Each hash covers the row and the hash before it; the settlement writes the number of rows and the
last hash into the audit log, which is append-only too. A changed byte, a row that is gone (also the
last one), and two rows that changed places are all found.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.models import Evidence, Investigation
from incidents.models import AuditEvent

_COVERED = (
    "attempt",
    "seq",
    "tool",
    "tool_version",
    "arguments",
    "args_hash",
    "native_query",
    "duration_ms",
    "status",
    "coverage",
    "summary",
    "facts",
    "view",
    "raw_sha256",
    "is_truncated",
    "custody",
    "prev_hash",
)
_TIMES = ("window_start", "window_end", "executed_at")


@dataclass(frozen=True)
class Chain:
    """What a check of the ledger of one investigation found; no problems: it is as it was."""

    rows: int
    problems: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        return not self.problems


def hash_of(row: Evidence) -> str:
    """SHA-256 over everything of the row that matters, and over the hash of the row before it."""
    body: dict[str, Any] = {name: getattr(row, name) for name in _COVERED}
    body |= {name: getattr(row, name).isoformat() for name in _TIMES}
    body["investigation"] = str(row.investigation_id)
    body["connector"] = str(row.connector_id or "")
    text = json.dumps(_canonical(body), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Numbers as one type, and no negative zero: databases keep neither apart."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value) + 0.0
    if isinstance(value, Mapping):
        return {str(key): _canonical(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(part) for part in value]
    return str(value)


def head_of(rows: Sequence[Evidence]) -> dict[str, Any]:
    """What the audit log keeps of the ledger of one attempt."""
    return {"rows": len(rows), "head": rows[-1].hash if rows else ""}


def verify_chain(investigation: Investigation) -> Chain:
    """Recompute every hash, attempt by attempt, and compare with what the settlement noted.

    Attempts from before calls were hashed are left out, unless a settlement noted how they ended.
    """
    rows = list(investigation.evidence.order_by("attempt", "seq"))
    noted = AuditEvent.objects.filter(
        kind="investigation.settled", target_id=str(investigation.pk)
    ).values_list("after", flat=True)
    heads = [after["ledger"] for after in noted if "ledger" in after]
    checked, problems = 0, []
    for attempt in sorted({row.attempt for row in rows} | {head["attempt"] for head in heads}):
        own = [row for row in rows if row.attempt == attempt]
        of_it = [head for head in heads if head["attempt"] == attempt]
        if not of_it and not any(row.args_hash for row in own):
            continue
        checked += len(own)
        problems += broken_links(own)
        problems += [
            f"attempt {attempt}: the settlement saw {head['rows']} rows ending in "
            f"{head['head'][:12]}"
            for head in of_it
            if head_of(own) != {"rows": head["rows"], "head": head["head"]}
        ]
    return Chain(checked, tuple(problems))


def broken_links(rows: Sequence[Evidence]) -> list[str]:
    """What is wrong with the rows of one attempt, in the order of their numbers."""
    problems = []
    previous, expected = "", 1
    for row in rows:
        if row.seq != expected:
            problems.append(f"E{expected} of attempt {row.attempt} is gone")
        if row.prev_hash != previous:
            problems.append(f"E{row.seq} of attempt {row.attempt} does not follow the one before")
        if row.hash != hash_of(row):
            problems.append(f"E{row.seq} of attempt {row.attempt} was changed")
        previous, expected = row.hash, row.seq + 1
    return problems
