"""The memory limit: a replica that grows past it is killed, as a kernel would."""

import asyncio
from typing import Final

import psutil

from lab.supervisor.fleet import MEBIBYTE, Fleet
from lab.supervisor.place import Place
from lab.supervisor.telemetry import Telemetry

INTERVAL_S: Final = 2.0


class Warden:
    def __init__(self, fleet: Fleet, telemetry: Telemetry, *, limit_mb: int) -> None:
        self._fleet = fleet
        self._telemetry = telemetry
        self._limit_bytes = limit_mb * MEBIBYTE

    async def run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            for place in self._fleet.places():
                if place.pid:
                    self._check(place)

    def _check(self, place: Place) -> None:
        try:
            used = psutil.Process(place.pid).memory_info().rss
        except psutil.NoSuchProcess:
            return
        if used > self._limit_bytes and place.child is not None:
            message = (
                f"OOMKilled: resident memory {used // MEBIBYTE} MiB is over the limit of"
                f" {self._limit_bytes // MEBIBYTE} MiB"
            )
            self._telemetry.platform_log("error", place, message)
            self._fleet.services[place.service].oom_kills += 1
            place.child.kill()
