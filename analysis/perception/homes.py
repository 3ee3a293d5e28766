"""Where incidents show trouble already, and which of them a new anomaly belongs to."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.perception.correlate import BLIND_S, NEAR_S, link, places_of
from analysis.perception.graph import Graph
from analysis.types import Observation


@dataclass(frozen=True)
class Place:
    """A service where an incident shows trouble, and from when to when."""

    incident: str
    service: str
    start: float
    end: float

    def apart_s(self, at: float) -> float:
        return max(self.start - at, at - self.end, 0.0)


@dataclass(frozen=True)
class Home:
    incident: str
    why: str


class Homes:
    """Incidents by place, so that an anomaly asks its neighbourhood only."""

    def __init__(self, places: Iterable[Place], graph: Graph) -> None:
        self._graph = graph
        self._at: dict[str, list[Place]] = defaultdict(list)
        for place in places:
            self._at[place.service].append(place)
        self._strange = [s for s in self._at if not graph.knows(s)]

    def nearest(self, seen: Observation) -> Home | None:
        """The incident with the plainest reason: the fewest hops, then the nearest in time."""
        found = (
            (self._graph.hops(name, place.service), apart_s, place.incident, place.service, name)
            for name in places_of(seen)
            for place in self._around(name, seen.started_at)
            if (apart_s := place.apart_s(seen.started_at)) <= NEAR_S
        )
        for _, apart_s, incident, there, here in sorted(found):
            why = link(here, there, apart_s, self._graph)
            if why:
                return Home(incident, why if here == there else f"{why} from {there}")
        return None

    def _around(self, name: str, at: float) -> Iterable[Place]:
        """Places that may be near: those around it, and strangers seen at about the same time."""
        if self._graph.knows(name):
            beside = {*self._graph.near(name), *self._strange}
        else:
            beside = set(self._at)
        for service in beside:
            for place in self._at.get(service, ()):
                if service in self._graph.near(name) or place.apart_s(at) <= BLIND_S:
                    yield place
