"""What a service should be: its releases, flags and number of replicas."""

import asyncio
from dataclasses import dataclass, field

from lab.shop import ServiceSpec
from lab.supervisor.place import Place, State


@dataclass(frozen=True, slots=True)
class Revision:
    """One entry of a service's history: the release together with its configuration."""

    number: int
    version: str
    config: dict[str, str]
    defect: str = ""

    def has_content_of(self, other: "Revision") -> bool:
        mine = (self.version, self.config, self.defect)
        return mine == (other.version, other.config, other.defect)


@dataclass(slots=True)
class Service:
    """The desired state of one service and the places that carry it out."""

    spec: ServiceSpec
    desired: int
    flags: dict[str, bool]
    history: list[Revision]
    places: list[Place] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    generation: int = 1
    incarnations: int = 0
    retired_restarts: int = 0
    oom_kills: int = 0

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def current(self) -> Revision:
        return self.history[-1]

    @property
    def resource_version(self) -> str:
        """Differs after any change of the desired state and after any new process."""
        return f"{self.generation}.{self.incarnations}"

    @property
    def restarts(self) -> int:
        return self.retired_restarts + sum(place.restarts for place in self.places)

    @property
    def ready(self) -> int:
        return sum(place.state is State.READY for place in self.places)

    def revision(self, number: int) -> Revision | None:
        return next((known for known in self.history if known.number == number), None)

    def previous(self) -> Revision | None:
        """The newest revision that differs from the current one."""
        for known in reversed(self.history[:-1]):
            if not known.has_content_of(self.current):
                return known
        return None


def make_service(spec: ServiceSpec) -> Service:
    first = Revision(1, spec.version, dict(spec.config))
    return Service(spec, spec.replicas, dict(spec.flags), [first])
