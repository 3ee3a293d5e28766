"""Layered layout of a small directed graph: callers above, callees below. Pure.

Layers by longest path from the sources (cycles cut at the edge that closes them), then two
sweeps of the barycentre heuristic of Sugiyama, Tagawa and Toda (1981) against crossings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

NODE_WIDTH = 136
NODE_HEIGHT = 40
GAP_X = 16
GAP_Y = 40
MARGIN = 4


@dataclass(frozen=True)
class Point:
    """The upper left corner of a node, in user units."""

    x: int
    y: int


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    nodes: Mapping[str, Point]

    def edge_path(self, src: str, dst: str) -> str:
        """An SVG path from the foot of `src` to the head of `dst`, however they lie."""
        a, b = self.nodes[src], self.nodes[dst]
        x1, y1 = a.x + NODE_WIDTH // 2, a.y + NODE_HEIGHT
        x2, y2 = b.x + NODE_WIDTH // 2, b.y
        bend = max(GAP_Y // 2, abs(y2 - y1) // 2)
        return f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"


def _acyclic(nodes: Sequence[str], edges: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Successors of each node, without the edges that would close a cycle."""
    after: dict[str, list[str]] = {node: [] for node in nodes}

    def reaches(start: str, goal: str) -> bool:
        stack, seen = [start], set[str]()
        while stack:
            node = stack.pop()
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                stack.extend(after[node])
        return False

    for src, dst in sorted(set(edges)):
        if src in after and dst in after and not reaches(dst, src):
            after[src].append(dst)
    return after


def _layers(nodes: Sequence[str], after: Mapping[str, Sequence[str]]) -> list[list[str]]:
    depth = dict.fromkeys(nodes, 0)
    for _ in nodes:  # longest path: at most len(nodes) rounds in an acyclic graph
        for node in nodes:
            for follower in after[node]:
                depth[follower] = max(depth[follower], depth[node] + 1)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node in sorted(nodes):
        layers[depth[node]].append(node)
    return layers


def _untangle(layers: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> None:
    """Order each layer by the mean position of its neighbours in the other layers."""
    for sweep in (layers, layers[::-1]):
        place = {node: i for layer in layers for i, node in enumerate(layer)}
        for layer in sweep:
            weight = {
                node: sum(place[n] for n in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else float(place[node])
                for node in layer
            }
            layer.sort(key=lambda node: (weight[node], node))
            place.update({node: i for i, node in enumerate(layer)})


def layered(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> Layout:
    """Places for `nodes`; edges between unknown nodes are ignored. Same input, same picture."""
    after = _acyclic(nodes, edges)
    layers = _layers(nodes, after)
    neighbours: dict[str, list[str]] = {node: list(after[node]) for node in nodes}
    for node, followers in after.items():
        for follower in followers:
            neighbours[follower].append(node)
    _untangle(layers, neighbours)
    widest = max((len(layer) for layer in layers), default=0)
    places: dict[str, Point] = {}
    for row, layer in enumerate(layers):
        indent = (widest - len(layer)) * (NODE_WIDTH + GAP_X) // 2
        for column, node in enumerate(layer):
            places[node] = Point(
                MARGIN + indent + column * (NODE_WIDTH + GAP_X),
                MARGIN + row * (NODE_HEIGHT + GAP_Y),
            )
    return Layout(
        width=2 * MARGIN + max(1, widest) * (NODE_WIDTH + GAP_X) - GAP_X,
        height=2 * MARGIN + len(layers) * (NODE_HEIGHT + GAP_Y) - GAP_Y,
        nodes=places,
    )
