"""What a tool found, before it becomes evidence; and how much of it may be shown."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from airra.lib.redact import redact, redact_document
from analysis.connectors.base import ConnectorError, Problem
from analysis.reasoning.toolbox import MAX_VIEW
from analysis.types import Custody, EvidenceStatus, Fact

MAX_SUMMARY = 300
MAX_FACTS = 400
_ROOM = 120  # for the line that says what was left off, and for the opening


@dataclass(frozen=True)
class Reading:
    """`raw` is what the source gave, unmodified, for its digest; `narrow` how to ask for less."""

    source: str
    native_query: str
    window: tuple[float, float]
    summary: str
    facts: Sequence[Fact] = ()
    rows: Sequence[str] = ()
    status: EvidenceStatus = EvidenceStatus.OK
    coverage: float = 1.0
    raw: object = ()
    narrow: str = "naming a service"
    is_truncated: bool = False  # by the source's own limit
    custody: Custody | None = None  # lower than the tool's own

    def refused_if_too_much(self) -> "Reading":
        """Raises `ConnectorError` when there is more than claims could be checked against."""
        if len(self.facts) > MAX_FACTS:
            msg = f"{len(self.facts)} findings are more than {MAX_FACTS}: narrow it by"
            raise ConnectorError(Problem.TOO_LARGE, f"{msg} {self.narrow}")
        return self


def of_problems(facts: Sequence[Fact], problems: Sequence[str]) -> EvidenceStatus:
    """The status of several questions, some of which may not have been answered."""
    if not facts:
        return EvidenceStatus.ERROR if problems else EvidenceStatus.NO_DATA
    return EvidenceStatus.PARTIAL if problems else EvidenceStatus.OK


def view_of(reading: Reading) -> tuple[str, bool]:
    """The rows up to the size that may be shown, without secrets; and whether any were left off."""
    # Over all rows: a key may be spread over the lines of a log.
    rows: list[str] = redact_document([reading.summary, *reading.rows])
    shown: list[str] = []
    size = 0
    for row in rows:
        size += len(row) + 1
        if size <= MAX_VIEW - _ROOM:
            shown.append(row)
    left_off = len(rows) - len(shown)
    if left_off:
        shown.append(f"({left_off} more rows left off: narrow it by {reading.narrow})")
    return "\n".join(shown), left_off > 0


def without_secrets(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Facts whose words come from others, with secrets destroyed; what is clean stays itself."""
    return tuple(_clean(fact) for fact in facts)


def _clean(fact: Fact) -> Fact:
    texts = {f.name: getattr(fact, f.name) for f in fields(fact)}
    dirty = {
        name: redact(text)
        for name, text in texts.items()
        if isinstance(text, str) and redact(text) != text
    }
    return replace(fact, **dirty) if dirty else fact


def digest(raw: object) -> str:
    """SHA-256 of a whole answer, the same for the same answer."""
    text = json.dumps(_plain(raw), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
