"""Who calls whom, as it was learnt or said."""

from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import Scope
from analysis.reasoning.toolbox import OfAll
from analysis.types import Edge, EvidenceStatus
from incidents.queries.edges import fresh_edges

_ROWS_OF_AGE_S = 3600.0  # an edge seen within the hour needs no word about its age


def get_topology(scope: Scope, asked: OfAll) -> Reading:
    """The fresh edges, each with what showed it and when."""
    rows = [
        edge
        for edge in fresh_edges(scope.workspace)
        if not asked.service or asked.service in {edge.caller, edge.callee}
    ]
    found = [
        Edge(src=e.caller, dst=e.callee, source=e.source, last_seen=e.last_seen_at.timestamp())
        for e in rows
    ]
    of = f" of {asked.service}" if asked.service else ""
    return Reading(
        source="topology",
        native_query=f"service dependencies{of}",
        window=(scope.ctx.started_at, scope.ctx.now),
        summary=f"{len(found)} edges between services are known",
        facts=found,
        rows=[f"{e.caller} -> {e.callee} (from {e.source}{_age(e.age_s)})" for e in rows],
        status=EvidenceStatus.OK if found else EvidenceStatus.NO_DATA,
        coverage=1.0 if found else 0.0,
        raw=found,
    )


def _age(age_s: float) -> str:
    return "" if age_s < _ROWS_OF_AGE_S else f", last seen {age_s / 3600:.0f} h ago"
