"""One tool run as people read it: what was asked, of whom, and the facts of the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.shortcuts import get_object_or_404

from airra.lib import quantities
from analysis.models import Evidence, Investigation
from analysis.types import Custody

# What a reader calls the source of a piece of evidence.
_SOURCE_WORD = {
    Custody.PLATFORM_API: "platform",
    Custody.CHANGE_SYSTEM: "change",
    Custody.APP_METRIC: "metric",
    Custody.TRACE: "trace",
    Custody.APP_TEXT: "log",
    Custody.USER_INFLUENCED: "user text",
    Custody.HUMAN_GUIDANCE: "note",
}

# The ledger without `facts` and `view`, which may be long and have a page of their own.
LEDGER_FIELDS = (
    "id", "seq", "tool", "connector__name", "native_query", "window_start", "window_end",
    "status", "coverage", "summary", "custody", "duration_ms",
)  # fmt: skip


@dataclass(frozen=True)
class EvidenceRow:
    seq: int
    tool: str
    source: str  # the connector's name, or nothing for AIRRA's own record
    kind: str  # metric, log, trace …
    native_query: str
    window_start: datetime
    window_end: datetime
    status: str
    coverage: float
    summary: str
    duration_ms: int

    @property
    def label(self) -> str:
        return f"E{self.seq} {self.kind}"


def evidence_row(row: Mapping[str, Any]) -> EvidenceRow:
    return EvidenceRow(
        seq=row["seq"],
        tool=row["tool"],
        source=row["connector__name"] or "",
        kind=_SOURCE_WORD.get(row["custody"], row["custody"]),
        native_query=row["native_query"],
        window_start=row["window_start"],
        window_end=row["window_end"],
        status=row["status"],
        coverage=row["coverage"],
        summary=row["summary"],
        duration_ms=row["duration_ms"],
    )


@dataclass(frozen=True)
class FactTable:
    """The facts of one kind in one tool run, as a table."""

    kind: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class EvidenceDetail:
    evidence: Evidence
    kind: str
    tables: list[FactTable]

    @property
    def covered(self) -> float:
        return self.evidence.coverage


def evidence_detail(run: Investigation | None, seq: int) -> EvidenceDetail:
    """One tool run of an investigation, with its facts; 404 when there is none."""
    found = get_object_or_404(
        Evidence.objects.select_related("connector"),
        investigation=run,
        attempt=max(1, run.attempts) if run else 0,
        seq=seq,
    )
    kind = _SOURCE_WORD.get(Custody(found.custody), found.custody)
    return EvidenceDetail(found, kind, fact_tables(found.facts))


def fact_tables(facts: Sequence[Mapping[str, Any]], *, limit: int = 50) -> list[FactTable]:
    """Facts grouped by kind; a column for each field that any of them fills."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for fact in facts[:limit]:
        groups.setdefault(str(fact.get("kind", "fact")), []).append(fact)
    return [_fact_table(kind, rows) for kind, rows in groups.items()]


def _fact_table(kind: str, facts: Sequence[Mapping[str, Any]]) -> FactTable:
    names = dict.fromkeys(name for fact in facts for name in fact if name not in _UNSHOWN)
    columns = [n for n in names if any(fact.get(n) not in {"", None} for fact in facts)]
    return FactTable(kind, columns, [[_cell(name, fact) for name in columns] for fact in facts])


_UNSHOWN = {"kind", "query", "unit"}
_IN_THE_UNIT = {"before", "during", "level"}


def _cell(name: str, fact: Mapping[str, Any]) -> str:
    """A value as people read it: moments as times of day, measures with their unit."""
    value = fact.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if name == "at" or name.endswith("_seen"):
        return f"{datetime.fromtimestamp(value, tz=UTC):%H:%M:%S} UTC"
    if name.endswith("_s"):
        return quantities.quantity(value, "s")
    if "share" in name:
        return quantities.percent(value)
    return quantities.quantity(value, str(fact.get("unit", "")) if name in _IN_THE_UNIT else "")
