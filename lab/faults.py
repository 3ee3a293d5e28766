"""The ten faults: the one table from which the page, the API, the check and the docs are made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from lab.jsontypes import JSON


class Mechanism(StrEnum):
    LEAK = "leak"
    SATURATION = "saturation"
    CHANGE = "change"
    CONFIG = "config"
    FLAG = "flag"
    CRASH = "crash"
    DEPENDENCY = "dependency"
    TRAFFIC = "traffic"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Repair:
    """The action of the control API that ends the fault."""

    action: str
    service: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """`services` are those it can be injected into, the default first."""

    name: str
    services: tuple[str, ...]
    mechanism: Mechanism
    happens: str
    shows: str
    repair: str
    repair_params: Mapping[str, Any]
    has_change_event: bool = False
    creeps: bool = False
    root_cause: str = ""

    @property
    def default(self) -> str:
        return self.services[0]

    def repair_for(self, service: str) -> Repair:
        return Repair(self.repair, service, self.repair_params)

    def as_json(self) -> JSON:
        row = asdict(self)
        row["default_service"] = self.default
        row["root_cause"] = self.root_cause or self.default
        return row


_TABLE: Final = (
    Fault(
        "memory-leak", ("payments", "gateway", "checkout", "inventory", "search"), Mechanism.LEAK,
        "Each replica keeps 1 MB of settled state a second and never lets go.",
        "Resident memory rises in a straight line towards its limit.",
        "restart", {}, creeps=True,
    ),
    Fault(
        "cpu-burn", ("search", "gateway", "checkout", "payments", "inventory"),
        Mechanism.SATURATION,
        "A regular expression backtracks in a thread and holds the interpreter lock.",
        "CPU of each replica rises by about 0.4 of a core, its latency with it.",
        "restart", {},
    ),
    Fault(
        "slow-query", ("inventory",), Mechanism.FLAG,
        "The flag inventory.stock_report adds a 1.4 s query to every reservation.",
        "The database's slots fill up; inventory times out, search waits behind it.",
        "set_flag", {"flag": "inventory.stock_report", "value": False}, has_change_event=True,
    ),
    Fault(
        "pool-exhaustion", ("inventory", "search"), Mechanism.LEAK,
        "Every second database connection is never given back.",
        "All connections are in use; requests fail after waiting for one.",
        "restart", {},
    ),
    Fault(
        "bad-deploy", ("checkout",), Mechanism.CHANGE,
        "A new release reads an optional key of the order as if it were always there.",
        "Half of the orders end in KeyError and status 500 from the release on.",
        "rollback", {"to_revision": None}, has_change_event=True,
    ),
    Fault(
        "crash-loop", ("search", "gateway", "checkout", "payments", "inventory"), Mechanism.CRASH,
        "A new release exits a few seconds after every start.",
        "Restarts climb, replicas are down half of the time, callers find no endpoint.",
        "rollback", {"to_revision": None}, has_change_event=True,
    ),
    Fault(
        "dependency-timeout", ("payments",), Mechanism.DEPENDENCY,
        "The bank, an outside provider, stops answering fraud checks.",
        "Calls from payments to bank time out after 1.5 s; purchases fail.",
        "set_flag", {"flag": "payments.fraud_check", "value": False}, root_cause="bank",
    ),
    Fault(
        "traffic-surge", ("checkout",), Mechanism.TRAFFIC,
        "Four times as many buyers arrive, and stay.",
        "Checkout's workers are all busy, its queue fills, it answers 503.",
        "scale", {"replicas": 5},
    ),
    Fault(
        "config-error", ("inventory", "search"), Mechanism.CONFIG,
        "A new configuration names a table that does not exist.",
        "Every query of the service is refused from the change on.",
        "rollback", {"to_revision": None}, has_change_event=True,
    ),
    Fault(
        "full-disk", ("payments",), Mechanism.DISK,
        "Settlement dumps that no rotation removes fill the spool up to its quota.",
        "Disk use reaches its size, writes fail with errno 28, charges fail.",
        "restart", {}, creeps=True,
    ),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, Fault]] = MappingProxyType({fault.name: fault for fault in _TABLE})


async def catalogue(_request: web.Request) -> web.Response:
    """`GET /lab/faults/catalog`."""
    return web.json_response({"faults": [fault.as_json() for fault in CATALOGUE.values()]})
