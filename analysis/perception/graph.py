"""The service graph as correlation asks it: who is near, who depends on whom, where users enter."""

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Set

NEAR_HOPS = 2


class Graph:
    """Who calls whom, from (caller, callee) pairs; built once for one look at the anomalies."""

    def __init__(self, edges: Iterable[tuple[str, str]]) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self._callers: dict[str, set[str]] = defaultdict(set)
        for caller, callee in edges:
            self._callees[caller].add(callee)
            self._callers[callee].add(caller)
        self._near: dict[str, dict[str, int]] = {}

    def knows(self, service: str) -> bool:
        return service in self._callees or service in self._callers

    def callers(self, service: str) -> Set[str]:
        return self._callers.get(service, set())

    def is_entrance(self, service: str) -> bool:
        """Whether users come in here: it calls others, and nobody is known to call it."""
        return self.knows(service) and not self.callers(service)

    def near(self, service: str) -> Mapping[str, int]:
        """Services within `NEAR_HOPS` calls in either direction, itself included, with the hops."""
        found = self._near.get(service)
        if found is None:
            found = self._near[service] = self._within(service)
        return found

    def _within(self, service: str) -> dict[str, int]:
        hops = {service: 0}
        edge = {service}
        for distance in range(1, NEAR_HOPS + 1):
            beside = {
                other
                for here in edge
                for calls in (self._callees, self._callers)
                for other in calls.get(here, ())
            }
            edge = beside - hops.keys()
            hops.update(dict.fromkeys(edge, distance))
        return hops

    def hops(self, one: str, other: str) -> float:
        """Calls between two services, ignoring direction; infinite beyond `NEAR_HOPS`."""
        return self.near(one).get(other, math.inf)

    def dependants(self, service: str, *, at_most: int = 50) -> int:
        """How many services need this one, directly or through others; counted to `at_most`."""
        seen = {service}
        waiting = deque([service])
        while waiting and len(seen) <= at_most:
            for caller in self.callers(waiting.popleft()):
                if caller not in seen:
                    seen.add(caller)
                    waiting.append(caller)
        return min(len(seen) - 1, at_most)

    def reach(self, service: str) -> set[str]:
        """Services that feel this one: itself, its callers, and theirs."""
        seen = {service}
        waiting = deque([service])
        while waiting:
            for caller in self.callers(waiting.popleft()) - seen:
                seen.add(caller)
                waiting.append(caller)
        return seen

    def with_trouble_below(self, troubled: Set[str]) -> set[str]:
        """Those of `troubled` that depend, directly or not, on another one of `troubled`.

        One walk up from all of them at once: two origins a service are enough to know that one of
        them is another service.
        """
        origins: dict[str, set[str]] = defaultdict(set)
        waiting = deque((service, service) for service in sorted(troubled))
        while waiting:
            here, origin = waiting.popleft()
            for caller in self.callers(here):
                known = origins[caller]
                if origin not in known and len(known) < 2:
                    known.add(origin)
                    waiting.append((caller, origin))
        return {service for service in troubled if origins[service] - {service}}
