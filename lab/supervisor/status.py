"""How the shop fares right now, for the page and for `python -m lab status`."""

import math
import time
from dataclasses import asdict, dataclass
from typing import Final

from lab.jsontypes import JSON
from lab.prom.columns import Columns
from lab.prom.engine import Engine
from lab.prom.parser import parse
from lab.prom.tsdb import Database
from lab.supervisor.fleet import Fleet
from lab.supervisor.injection import Injector
from lab.supervisor.release import Service

RATE: Final = parse("sum by (service) (rate(http_requests_total[30s]))")
ERRORS: Final = parse('sum by (service) (rate(http_requests_total{code=~"5.."}[30s]))')
P95: Final = parse(
    "histogram_quantile(0.95,"
    " sum by (service, le) (rate(http_request_duration_seconds_bucket[30s])))"
)
CPU: Final = parse("sum by (service) (rate(process_cpu_seconds_total[30s]))")
MEMORY: Final = parse("max by (service) (process_resident_memory_bytes)")
MEBIBYTE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One service. None means that there is no measurement (yet)."""

    service: str
    version: str
    revision: int
    ready: int
    desired: int
    restarts: int
    rate_per_s: float | None
    error_ratio: float | None
    p95_ms: float | None
    cpu_cores: float | None
    memory_mb: float | None


class Status:
    def __init__(self, fleet: Fleet, database: Database, injector: Injector) -> None:
        self._fleet = fleet
        self._database = database
        self._injector = injector

    def rows(self) -> list[Row]:
        engine = Engine(self._database, [int(time.time() * 1000)])
        rate, errors, p95, cpu, memory = (
            _by_service(engine.vector(query)) for query in (RATE, ERRORS, P95, CPU, MEMORY)
        )
        return [
            _row(service, rate, errors, p95, cpu, memory)
            for service in self._fleet.services.values()
        ]

    def customers(self) -> JSON:
        return self._fleet.customer_stats

    def as_json(self) -> JSON:
        return {
            "services": [asdict(row) for row in self.rows()],
            "customers": self.customers(),
            "faults": [i.as_json() for i in self._injector.injections if i.is_there()],
        }


def _row(
    service: Service,
    rate: dict[str, float],
    errors: dict[str, float],
    p95: dict[str, float],
    cpu: dict[str, float],
    memory: dict[str, float],
) -> Row:
    name = service.name
    total = rate.get(name)
    return Row(
        service=name,
        version=service.current.version,
        revision=service.current.number,
        ready=service.ready,
        desired=service.desired,
        restarts=service.restarts,
        rate_per_s=_rounded(total, 1),
        error_ratio=_rounded(errors.get(name, 0.0) / total, 3) if total else None,
        p95_ms=_rounded(p95.get(name), 0, factor=1000),
        cpu_cores=_rounded(cpu.get(name), 3),
        memory_mb=_rounded(memory.get(name), 1, factor=1 / MEBIBYTE),
    )


def _by_service(columns: Columns) -> dict[str, float]:
    found: dict[str, float] = {}
    for labels, column in columns.items():
        value = column[0]
        if value is not None and not math.isnan(value):
            found[dict(labels).get("service", "")] = value
    return found


def _rounded(value: float | None, digits: int, *, factor: float = 1.0) -> float | None:
    return None if value is None else round(value * factor, digits)
