"""A small shop as a ledger: front calls middle, middle calls store."""

from collections.abc import Sequence

from analysis.reasoning.ledger import Ledger
from analysis.reasoning.toolbox import tool_named
from analysis.types import (
    ChangeFact,
    Edge,
    EvidenceDraft,
    EvidenceStatus,
    Fact,
    IncidentContext,
    LedgerEntry,
    Onset,
    Steady,
)

T0 = 1_000_000.0
METRICS = frozenset({"get_onsets", "get_resource_state", "query_metrics", "compare_peers"})


def edge(src: str, dst: str, *, age_s: float = 60.0, slow: bool = False) -> Edge:
    return Edge(
        src=src,
        dst=dst,
        source="traces",
        last_seen=T0 - age_s,
        calls_before=100,
        calls_during=100,
        latency_before_s=0.05,
        latency_during_s=1.5 if slow else 0.05,
    )


EDGES = (edge("front", "middle"), edge("middle", "store"))


def context(service: str = "front", edges: Sequence[Edge] = EDGES) -> IncidentContext:
    return IncidentContext(
        key="INC-1",
        title="front: errors",
        service=service,
        severity="high",
        started_at=T0,
        now=T0 + 300,
        services=("front", "middle", "store"),
        edges=tuple(edges),
    )


def onset(entity: str, signal: str, at: float = 0.0, *, error_s: float = 5.0) -> Onset:
    """A shift `at` seconds after the incident began."""
    return Onset(
        entity=entity,
        signal=signal,
        at=T0 + at,
        error_s=error_s,
        direction="up",
        magnitude=12.0,
        before=1.0,
        during=10.0,
    )


def steady(entity: str, signal: str, level: float = 1.0) -> Steady:
    return Steady(entity=entity, signal=signal, level=level)


def change(entity: str, at: float = -60.0, *, id: str = "c1", kind: str = "deploy") -> ChangeFact:  # noqa: A002 - the field's name
    return ChangeFact(
        id=id,
        entity=entity,
        at=T0 + at,
        change=kind,
        title=f"release {entity} 2",
        before="1",
        after="2",
        revision="2",
    )


def entry(
    seq: int,
    tool: str,
    *facts: Fact,
    status: EvidenceStatus = EvidenceStatus.OK,
    coverage: float = 1.0,
    view: str = "",
) -> LedgerEntry:
    draft = EvidenceDraft(
        tool=tool,
        arguments={},
        source="metrics" if tool in METRICS else tool,
        native_query="",
        window=(T0 - 900, T0 + 300),
        status=status,
        coverage=coverage,
        summary=tool,
        custody=tool_named(tool).custody,
        facts=facts,
        view=view,
    )
    return LedgerEntry(seq, draft)


def ledger(*entries: LedgerEntry) -> Ledger:
    return Ledger(entries)


def usual(*onsets: Fact, changes: Sequence[ChangeFact] = ()) -> Ledger:
    """The four first looks of an investigation, with these shifts and changes."""
    return ledger(
        entry(1, "get_topology", *EDGES),
        entry(2, "list_changes", *changes),
        entry(3, "get_onsets", *onsets),
        entry(4, "get_resource_state"),
    )
