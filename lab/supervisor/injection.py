"""Injecting the faults of `lab.faults`, knowing which are still there, and healing them all."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from lab.faults import CATALOGUE, Fault
from lab.jsontypes import JSON
from lab.supervisor import rollout
from lab.supervisor.changes import rfc3339
from lab.supervisor.fleet import Fleet
from lab.supervisor.place import State
from lab.supervisor.release import Revision, Service
from lab.traps import OLD_SCHEMA, TRAPS, Trap

SURGE_FACTOR: Final = 4.0
DEPLOYER: Final = "deploy-pipeline"
OPERATOR: Final = "lab-operator"


class CannotInject(ValueError):
    """The fault or the service does not exist, or the two do not fit."""


@dataclass(slots=True)
class Injection:
    """`is_there` asks whether the cause still exists; its symptoms may outlive or precede it."""

    id: int
    fault: Fault
    service: str
    at: float
    is_there: Callable[[], bool]

    def as_json(self) -> JSON:
        return {
            "id": self.id,
            "fault": self.fault.name,
            "service": self.service,
            "at": rfc3339(self.at),
            "active": self.is_there(),
        }


class Injector:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._bank_hangs = False
        self.injections: list[Injection] = []

    def inject(self, name: str, service_name: str = "", *, pace: float = 1.0) -> Injection:
        """Start a fault; a roll-out it needs goes on in the background. Raises CannotInject.

        `pace` is how fast a fault that creeps does so, in times its usual speed.
        """
        fault = CATALOGUE.get(name)
        if fault is None:
            raise CannotInject(f"unknown fault {name!r}; one of {', '.join(CATALOGUE)}")
        chosen = service_name or fault.default
        if chosen not in fault.services:
            raise CannotInject(
                f"{name} cannot be injected into {chosen!r}; into one of"
                f" {', '.join(fault.services)}"
            )
        if not 0.01 <= pace <= 10:
            raise CannotInject(f"pace must be between 0.01 and 10, not {pace:g}")
        if pace != 1.0 and not fault.creeps:
            raise CannotInject(f"{name} does not creep; it has no pace")
        service = self._fleet.services[chosen]
        is_there = self._starters(pace)[name](service)
        injection = Injection(next(self._numbers), fault, chosen, time.time(), is_there)
        self.injections.append(injection)
        return injection

    def trap(self, name: str) -> Trap:
        """Set a trap. Raises CannotInject."""
        trap = TRAPS.get(name)
        if trap is None:
            raise CannotInject(f"unknown trap {name!r}; one of {', '.join(TRAPS)}")
        history = self._fleet.services[trap.service].history
        history[:-1] = [replace(r, defect=r.defect or OLD_SCHEMA) for r in history[:-1]]
        return trap

    async def heal(self) -> None:
        """Bring the whole shop back to what it was at its start."""
        broken = {i.service for i in self.injections if i.is_there()}
        broken |= self._spring_traps()
        if self._bank_hangs:
            self._bank_hangs = False
            self._fleet.tell(self._fleet.services["bank"], {"op": "sabotage", "kind": "answer"})
        self._fleet.set_buyers(1.0)
        services = self._fleet.services.values()
        await asyncio.gather(*(self._reset(s, is_broken=s.name in broken) for s in services))

    def _spring_traps(self) -> set[str]:
        """Every release can read everything again; returns the services that run one of them."""
        sprung = set()
        for service in self._fleet.services.values():
            if service.current.defect == OLD_SCHEMA:
                sprung.add(service.name)
            service.history[:] = [
                replace(r, defect="") if r.defect == OLD_SCHEMA else r for r in service.history
            ]
        return sprung

    async def _reset(self, service: Service, *, is_broken: bool) -> None:
        async with service.lock:
            for flag, value in service.spec.flags.items():
                if service.flags[flag] is not value:
                    rollout.set_flag(self._fleet, service, flag, value=value, actor=OPERATOR)
            if not service.current.has_content_of(service.history[0]):
                await self._restore_release(service)
            elif is_broken and not service.spec.is_external:
                await rollout.restart(self._fleet, service, actor=OPERATOR)
            if service.desired != service.spec.replicas:
                await rollout.scale(self._fleet, service, service.spec.replicas, actor=OPERATOR)

    async def _restore_release(self, service: Service) -> None:
        first = service.history[0]
        number = service.current.number + 1
        revision = Revision(number, first.version, first.config, first.defect)
        await rollout.release(
            self._fleet, service, revision, actor=OPERATOR,
            title=f"Roll {service.name} back to {first.version}",
        )  # fmt: skip

    def _starters(self, pace: float) -> dict[str, Callable[[Service], Callable[[], bool]]]:
        return {
            "memory-leak": lambda service: self._inside(service, "leak-memory", pace),
            "cpu-burn": lambda service: self._inside(service, "burn-cpu"),
            "pool-exhaustion": lambda service: self._inside(service, "leak-connections"),
            "full-disk": lambda service: self._inside(service, "fill-disk", pace),
            "slow-query": self._switch_report_on,
            "bad-deploy": lambda service: self._deploy(service, "missing-key"),
            "crash-loop": lambda service: self._deploy(service, "broken-index"),
            "config-error": self._misconfigure,
            "dependency-timeout": self._hang_bank,
            "traffic-surge": self._surge,
        }

    def _inside(self, service: Service, kind: str, pace: float = 1.0) -> Callable[[], bool]:
        self._fleet.tell(service, {"op": "sabotage", "kind": kind, "pace": pace})
        pids = {place.pid for place in service.places if place.state is State.READY}
        return lambda: any(place.pid in pids for place in service.places)

    def _switch_report_on(self, service: Service) -> Callable[[], bool]:
        flag = "inventory.stock_report"
        rollout.set_flag(self._fleet, service, flag, value=True, actor="mara@shop.example")
        return lambda: service.flags[flag]

    def _deploy(self, service: Service, defect: str) -> Callable[[], bool]:
        now = service.current
        major, minor, *_ = service.spec.version.split(".")
        released = len({known.version for known in service.history})
        version = f"{major}.{int(minor) + released}.0"
        revision = Revision(now.number + 1, version, now.config, defect)
        self._release(service, revision, f"Deploy {service.name} {version}", DEPLOYER)
        return lambda: service.current.defect == defect

    def _misconfigure(self, service: Service) -> Callable[[], bool]:
        now = service.current
        wrong = f"{service.spec.config['table']}_v2"
        revision = Revision(now.number + 1, now.version, {"table": wrong}, now.defect)
        title = f"Change configuration of {service.name}: table"
        self._release(service, revision, title, "jonas@shop.example")
        return lambda: service.current.config.get("table") == wrong

    def _hang_bank(self, _service: Service) -> Callable[[], bool]:
        self._bank_hangs = True
        self._fleet.tell(self._fleet.services["bank"], {"op": "sabotage", "kind": "hang"})
        return lambda: self._bank_hangs

    def _surge(self, _service: Service) -> Callable[[], bool]:
        self._fleet.set_buyers(SURGE_FACTOR)
        return lambda: self._fleet.buyers > 1

    def _release(self, service: Service, revision: Revision, title: str, actor: str) -> None:
        async def roll_out() -> None:
            async with service.lock:
                await rollout.release(self._fleet, service, revision, title=title, actor=actor)

        self._spawn(roll_out())

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
