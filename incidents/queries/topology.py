"""Services and the calls between them, around one service, laid out for a picture and a list."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from django.db.models import Exists, OuterRef

from airra.lib import graphlayout
from incidents.models import Incident, Service, ServiceDependency
from incidents.queries.edges import is_stale

MAX_NODES = 60
MAX_EDGES = 500


@dataclass(frozen=True)
class Node:
    name: str
    x: int
    y: int
    health: str  # ok | affected
    is_centre: bool
    is_on_path: bool


@dataclass(frozen=True)
class Call:
    caller: str
    callee: str
    path: str  # the SVG path between them
    is_on_path: bool
    source: str
    last_seen_at: datetime
    is_stale: bool


@dataclass(frozen=True)
class Topology:
    width: int
    height: int
    nodes: list[Node]
    calls: list[Call]
    hidden: int  # services left out to keep the picture readable

    node_width: int = graphlayout.NODE_WIDTH
    node_height: int = graphlayout.NODE_HEIGHT


def around(service: Service | None, *, depth: int = 2, path: Sequence[str] = ()) -> Topology | None:
    """The service and its neighbours to `depth`; None without known dependencies.

    `path` is the suspected way of the trouble, cause to symptom; its calls are drawn thick.
    """
    if service is None:
        return None
    edges = _edges(service)
    if not edges:
        return None
    near = _near(service.name, edges, depth) | {name for name in path if name in _names(edges)}
    shown = sorted(near, key=lambda n: (n != service.name, n not in path, n))[:MAX_NODES]
    return _drawn(service.name, edges, shown, path, hidden=len(near) - len(shown))


def _edges(service: Service) -> list[ServiceDependency]:
    def troubled(side: str) -> Exists:
        return Exists(Incident.objects.open().filter(service=OuterRef(f"{side}_id")))

    found = (
        ServiceDependency.objects.visible()
        .filter(caller__workspace=service.workspace_id)
        .select_related("caller", "callee")
        .annotate(caller_troubled=troubled("caller"), callee_troubled=troubled("callee"))
    )
    return list(found[:MAX_EDGES])


def _names(edges: Collection[ServiceDependency]) -> set[str]:
    return {name for e in edges for name in (e.caller.name, e.callee.name)}


def _near(centre: str, edges: Collection[ServiceDependency], depth: int) -> set[str]:
    near = {centre}
    for _ in range(depth):
        near |= {
            other
            for e in edges
            for one, other in (
                (e.caller.name, e.callee.name),
                (e.callee.name, e.caller.name),
            )
            if one in near
        }
    return near


def _drawn(
    centre: str,
    edges: Collection[ServiceDependency],
    shown: Sequence[str],
    path: Sequence[str],
    *,
    hidden: int,
) -> Topology:
    kept = [e for e in edges if e.caller.name in shown and e.callee.name in shown]
    layout = graphlayout.layered(shown, [(e.caller.name, e.callee.name) for e in kept])
    steps = set(pairwise(path))
    health = {
        name: "affected" if is_troubled else "ok"
        for e in edges
        for name, is_troubled in (
            (e.caller.name, e.__dict__["caller_troubled"]),
            (e.callee.name, e.__dict__["callee_troubled"]),
        )
    }
    return Topology(
        width=layout.width,
        height=layout.height,
        nodes=[
            Node(
                name=name,
                x=layout.nodes[name].x,
                y=layout.nodes[name].y,
                health=health.get(name, "ok"),
                is_centre=name == centre,
                is_on_path=name in path,
            )
            for name in shown
        ],
        calls=[
            Call(
                caller=e.caller.name,
                callee=e.callee.name,
                path=layout.edge_path(e.caller.name, e.callee.name),
                is_on_path=(e.callee.name, e.caller.name) in steps
                or (e.caller.name, e.callee.name) in steps,
                source=e.get_source_display(),
                last_seen_at=e.last_seen_at,
                is_stale=is_stale(e),
            )
            for e in kept
        ],
        hidden=hidden,
    )
