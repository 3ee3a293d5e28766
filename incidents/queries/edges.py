"""The calls between services: the fresh ones for code, those of one service for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from airra.lib import clock
from incidents.models import Service, ServiceDependency, Workspace


@dataclass(frozen=True)
class FreshEdge:
    """`caller` calls `callee`, as `source` showed `age_s` seconds ago."""

    caller: str
    callee: str
    source: str
    last_seen_at: datetime
    age_s: float


def fresh_edges(workspace: Workspace) -> list[FreshEdge]:
    """What calls what in a workspace, neither stale nor hidden; one query."""
    now = clock.now()
    rows = ServiceDependency.objects.fresh().filter(caller__workspace=workspace)
    return [
        FreshEdge(caller, callee, source, seen, max((now - seen).total_seconds(), 0.0))
        for caller, callee, source, seen in rows.order_by(
            "caller__name", "callee__name"
        ).values_list("caller__name", "callee__name", "source", "last_seen_at")
    ]


@dataclass(frozen=True)
class Sighting:
    source: str
    last_seen_at: datetime


@dataclass(frozen=True)
class EdgeRow:
    """One edge of a service, with everything that shows it."""

    edge: ServiceDependency
    sightings: list[Sighting]
    is_stale: bool


@dataclass(frozen=True)
class EdgesOf:
    shown: list[EdgeRow]
    hidden: list[EdgeRow]


def edges_of(service: Service) -> EdgesOf:
    """Every edge to and from a service, callers first; two queries."""
    found = (
        ServiceDependency.objects.filter(Q(caller=service) | Q(callee=service))
        .select_related("caller", "callee")
        .prefetch_related("sightings")
        .order_by("caller__name", "callee__name")
    )
    rows = [_row(edge) for edge in found]
    rows.sort(key=lambda row: row.edge.caller_id == service.pk)
    return EdgesOf(
        shown=[row for row in rows if row.edge.hidden_at is None],
        hidden=[row for row in rows if row.edge.hidden_at is not None],
    )


def _row(edge: ServiceDependency) -> EdgeRow:
    own = [Sighting(s.get_source_display(), s.last_seen_at) for s in edge.sightings.all()]
    if not own and edge.source != ServiceDependency.Source.HAND:
        own = [Sighting(edge.get_source_display(), edge.last_seen_at)]
    return EdgeRow(edge, own, is_stale=is_stale(edge))


def is_stale(edge: ServiceDependency) -> bool:
    """Not seen for long, and nobody says it is there: shown, but nothing relies on it."""
    since = clock.now() - timedelta(hours=settings.EDGE_FRESH_H)
    return edge.said_at is None and edge.last_seen_at < since
