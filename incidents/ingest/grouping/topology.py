"""How near two services are, along the ways that trouble takes.

Trouble climbs from a callee to its callers. So two services are near when one depends on the
other, or when both depend on a third; that one gateway calls both of them says nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping


class Topology:
    """Who calls whom, from (caller, callee) pairs; walks are bounded and remembered."""

    def __init__(self, edges: Iterable[tuple[str, str]], *, max_hops: int = 3) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self._callers: dict[str, set[str]] = defaultdict(set)
        for caller, callee in edges:
            self._callees[caller].add(callee)
            self._callers[callee].add(caller)
        self._max_hops = max_hops
        self._below: dict[str, Mapping[str, int]] = {}

    @property
    def services(self) -> frozenset[str]:
        return frozenset(self._callees) | frozenset(self._callers)

    def below(self, service: str) -> Mapping[str, int]:
        """What a service depends on within `max_hops` calls, with the hops; not itself."""
        found = self._below.get(service)
        if found is None:
            found = self._below[service] = self._walk(service, self._callees)
        return found

    def near(self, service: str) -> frozenset[str]:
        """Every service that could be linked with this one, itself included."""
        above = self._walk(service, self._callers)
        below = self.below(service)
        beside = {s for under in below for s in self._walk(under, self._callers)}
        return frozenset({service, *above, *below, *beside})

    def callers(self, service: str) -> int:
        return len(self._callers.get(service, ()))

    def _walk(self, start: str, ways: Mapping[str, set[str]]) -> dict[str, int]:
        hops = {start: 0}
        edge = {start}
        for distance in range(1, self._max_hops + 1):
            edge = {other for here in edge for other in ways.get(here, ())} - hops.keys()
            hops.update(dict.fromkeys(edge, distance))
        del hops[start]
        return hops
