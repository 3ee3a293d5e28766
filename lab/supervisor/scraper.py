"""Reads every replica's /metrics into the database, as Prometheus would, staleness included."""

import asyncio
import time
from typing import Final

import aiohttp

from lab.prom.exposition import parse_identity, types_in
from lab.prom.tsdb import Database, Series
from lab.supervisor.fleet import Fleet
from lab.supervisor.place import Place, State
from lab.supervisor.release import Service

TIMEOUT_S: Final = 1.5


class Scraper:
    def __init__(self, fleet: Fleet, database: Database, *, interval_s: float) -> None:
        self._fleet = fleet
        self._database = database
        self._interval_s = interval_s
        self._known: dict[str, dict[str, Series]] = {}

    async def run(self) -> None:
        """Scrape for ever, all replicas side by side."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await asyncio.gather(self._pass(session), asyncio.sleep(self._interval_s))

    async def _pass(self, session: aiohttp.ClientSession) -> None:
        places = list(self._fleet.places())
        await asyncio.gather(*(self._scrape(session, place) for place in places))
        at_ms = int(time.time() * 1000)
        for instance in self._known.keys() - {place.instance for place in places}:
            self._database.mark_stale(self._known.pop(instance).values(), at_ms)
        for service in self._fleet.services.values():
            self._note_service(service, at_ms)

    async def _scrape(self, session: aiohttp.ClientSession, place: Place) -> None:
        at_ms = int(time.time() * 1000)
        text = await _fetch(session, place)
        labels = {"service": place.service, "instance": place.instance}
        known = self._known.setdefault(place.instance, {})
        up = self._database.series("up", labels)
        up.append(at_ms, 0.0 if text is None else 1.0)
        seen = {"up": up} if text is None else {"up": up, **self._store(text, labels, known, at_ms)}
        gone = [series for raw, series in known.items() if raw not in seen]
        self._database.mark_stale(gone, at_ms)
        self._known[place.instance] = seen

    def _store(
        self, text: str, labels: dict[str, str], known: dict[str, Series], at_ms: int
    ) -> dict[str, Series]:
        seen: dict[str, Series] = {}
        lines = text.splitlines()
        if not known.keys() - {"up"}:
            self._database.types.update(types_in(lines))
        for line in lines:
            if line.startswith("#"):
                continue
            raw, _, value = line.rpartition(" ")
            series = known.get(raw)
            if series is None:
                name, own = parse_identity(raw)
                series = self._database.series(name, {**own, **labels})
            series.append(at_ms, float(value))
            seen[raw] = series
        return seen

    def _note_service(self, service: Service, at_ms: int) -> None:
        """The platform's own numbers about a service."""
        labels = {"service": service.name}
        numbers = {
            "service_restarts_total": service.restarts,
            "service_oom_kills_total": service.oom_kills,
            "service_replicas": service.ready,
        }
        for name, value in numbers.items():
            self._database.series(name, labels).append(at_ms, float(value))
            self._database.types[name] = "counter" if name.endswith("_total") else "gauge"
        self._database.types["up"] = "gauge"


async def _fetch(session: aiohttp.ClientSession, place: Place) -> str | None:
    if place.state not in {State.READY, State.DRAINING}:
        return None
    try:
        async with session.get(f"http://127.0.0.1:{place.port}/metrics") as response:
            return await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
