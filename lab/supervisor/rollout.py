"""Changing the fleet: rolling restarts, releases, scaling and flags. One at a time per service."""

from lab.supervisor.changes import Kind
from lab.supervisor.fleet import Fleet
from lab.supervisor.place import Place
from lab.supervisor.release import Revision, Service


async def roll(service: Service) -> None:
    """Replace the processes one after another, each only when the one before is ready."""
    for place in list(service.places):
        await place.stop()
        await place.start()


async def restart(fleet: Fleet, service: Service, *, actor: str) -> None:
    service.generation += 1
    fleet.changes.record(
        Kind.RESTART, service.name, f"Restart {service.name}", actor=actor,
        revision=service.current.number,
    )  # fmt: skip
    await roll(service)


async def release(
    fleet: Fleet, service: Service, revision: Revision, *, title: str, actor: str
) -> None:
    """Make `revision` the current one and roll it out."""
    before = service.current
    kind = Kind.DEPLOY if before.version != revision.version else Kind.CONFIG
    service.history.append(revision)
    service.generation += 1
    fleet.changes.record(
        kind, service.name, title, actor=actor, revision=revision.number,
        before=_told(before, kind), after=_told(revision, kind),
    )  # fmt: skip
    await roll(service)


async def scale(fleet: Fleet, service: Service, replicas: int, *, actor: str) -> None:
    """Start the missing replicas, or stop the ones with the highest numbers."""
    before, service.desired = service.desired, replicas
    service.generation += 1
    fleet.changes.record(
        Kind.SCALE, service.name, f"Scale {service.name} from {before} to {replicas} replicas",
        actor=actor, before=str(before), after=str(replicas), revision=service.current.number,
    )  # fmt: skip
    while len(service.places) < replicas:
        number = len(service.places) + 1
        await fleet.add_place(service, number).start()
    while len(service.places) > replicas:
        await _retire(service, service.places[-1])


def set_flag(fleet: Fleet, service: Service, flag: str, *, value: bool, actor: str) -> None:
    before, service.flags[flag] = service.flags[flag], value
    service.generation += 1
    fleet.changes.record(
        Kind.FLAG, service.name, f"Flag {flag} switched {'on' if value else 'off'}", actor=actor,
        before=str(before).lower(), after=str(value).lower(), revision=service.current.number,
    )  # fmt: skip
    fleet.tell(service, {"op": "flags", "flags": {flag: value}})


async def _retire(service: Service, place: Place) -> None:
    await place.stop()
    service.retired_restarts += place.restarts
    service.places.remove(place)


def _told(revision: Revision, kind: Kind) -> str:
    if kind is Kind.DEPLOY:
        return revision.version
    return ", ".join(f"{key}={value}" for key, value in sorted(revision.config.items()))
