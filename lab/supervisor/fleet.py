"""The fleet: every place of every service, who can be reached where, and what they report."""

import asyncio
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from lab.jsontypes import JSON
from lab.replica.bundle import Bundle
from lab.replica.outbox import LOG, READY, SPAN, STATS
from lab.settings import Settings
from lab.shop import SHOP
from lab.supervisor.changes import ChangeLog, Kind
from lab.supervisor.child import Child
from lab.supervisor.place import Place, State
from lab.supervisor.release import Service, make_service

SPOOL_BYTES: Final = 32 * 1024 * 1024
MEBIBYTE: Final = 1024 * 1024
NOTICE_AFTER_S: Final = 1.0


class Sink(Protocol):
    """Where logs and spans go."""

    def log_line(self, line: str) -> None: ...

    def platform_log(self, level: str, place: Place, message: str) -> None: ...

    def span(self, service: str, instance: str, row: list[Any]) -> None: ...


class Fleet:
    """Implements `Host` for its places."""

    def __init__(self, settings: Settings, sink: Sink) -> None:
        self._settings = settings
        self._sink = sink
        self.services: dict[str, Service] = {name: make_service(SHOP[name]) for name in SHOP}
        self.changes = ChangeLog()
        self.customers: Child | None = None
        self.customer_stats: JSON = {}
        self.buyers = 1.0
        self._handlers: dict[str, Callable[[Place, str], None]] = {
            LOG: lambda _place, text: self._sink.log_line(text),
            SPAN: lambda place, text: self._sink.span(
                place.service, place.instance, json.loads(text)
            ),
            READY: lambda place, text: self._became_ready(place, json.loads(text)["port"]),
        }

    def places(self) -> Iterator[Place]:
        for service in self.services.values():
            yield from service.places

    async def start(self) -> None:
        """Start everything at once; announces each first release when its service is up."""
        await asyncio.gather(*(self._open(service) for service in self.services.values()))

    async def keep_customers(self) -> None:
        """Send customers for ever."""
        while True:
            bundle: JSON = {
                "rate": self._settings.rate,
                "seed": self._settings.seed,
                "peers": self._endpoints(),
            }
            self.customers = await Child.start("lab.load", bundle)
            try:
                await self.customers.follow(self._heard_from_customers)
                await asyncio.sleep(NOTICE_AFTER_S)
            finally:
                self.customers.terminate()

    async def stop(self) -> None:
        for place in self.places():
            place.state = State.STOPPED
        await asyncio.gather(*(place.stop() for place in self.places()))

    def add_place(self, service: Service, number: int) -> Place:
        place = Place(self, service=service.name, number=number)
        service.places.append(place)
        return place

    def tell(self, service: Service, message: JSON) -> None:
        """Send a message to every ready replica of a service."""
        for place in service.places:
            if place.state is State.READY and place.child is not None:
                place.child.tell(message)

    def set_buyers(self, factor: float) -> None:
        self.buyers = factor
        if self.customers is not None:
            self.customers.tell({"op": "load", "buyers": factor})

    # Host: what the places ask and report.

    def bundle_for(self, place: Place) -> JSON:
        service = self.services[place.service]
        service.incarnations += 1
        revision = service.current
        place.revision = revision.number
        return Bundle(
            service=service.name,
            instance=place.instance,
            revision=revision.number,
            version=revision.version,
            memory_limit_bytes=self._settings.memory_limit_mb * MEBIBYTE,
            spool_dir=str(self._settings.data_dir / "spool" / place.instance),
            spool_bytes=SPOOL_BYTES,
            seed=self._settings.seed + zlib.crc32(place.instance.encode()) + place.restarts,
            trace_ratio=self._settings.trace_ratio,
            defect=revision.defect,
            config=revision.config,
            flags=service.flags,
            peers=self._endpoints(),
        ).as_json()

    def heard(self, place: Place, line: str) -> None:
        tag, _, text = line.partition(" ")
        handler = self._handlers.get(tag)
        if handler is None:
            self._sink.platform_log("error", place, line)
        else:
            handler(place, text)

    def changed(self, place: Place) -> None:
        if place.state in {State.READY, State.DRAINING}:
            self._announce_endpoints()

    def died(self, place: Place, code: int, delay_s: float) -> None:
        # Callers go on using the dead address until somebody notices, as in real life.
        asyncio.get_running_loop().call_later(NOTICE_AFTER_S, self._announce_endpoints)
        reason = f"killed by signal {-code}" if code < 0 else f"exited with code {code}"
        message = f"process {reason}, restarting in {delay_s:g} s (restart {place.restarts})"
        self._sink.platform_log("error", place, message)

    # The rest is the fleet's own business.

    async def _open(self, service: Service) -> None:
        fresh = [self.add_place(service, number + 1) for number in range(service.desired)]
        await asyncio.gather(*(place.start() for place in fresh))
        self.changes.record(
            Kind.DEPLOY, service.name, f"Release {service.name} {service.current.version}",
            actor="deploy-pipeline", after=service.current.version, revision=1,
        )  # fmt: skip

    def _heard_from_customers(self, line: str) -> None:
        tag, _, text = line.partition(" ")
        if tag == STATS:
            self.customer_stats = json.loads(text)
        elif tag == READY:
            self.set_buyers(self.buyers)

    def _became_ready(self, place: Place, port: int) -> None:
        place.became_ready(port)
        flags = self.services[place.service].flags
        if place.child is not None and flags:
            # They may have been switched while the process was starting.
            place.child.tell({"op": "flags", "flags": flags})

    def _endpoints(self) -> dict[str, list[str]]:
        return {
            name: [f"127.0.0.1:{p.port}" for p in service.places if p.state is State.READY]
            for name, service in self.services.items()
        }

    def _announce_endpoints(self) -> None:
        message: JSON = {"op": "peers", "peers": self._endpoints()}
        for service in self.services.values():
            if service.spec.calls:
                self.tell(service, message)
        if self.customers is not None:
            self.customers.tell(message)
