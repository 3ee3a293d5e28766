"""The shop's blueprint: which services exist, how much each can carry and whom each one calls.

The numbers are chosen so that waiting, not the machine, limits every service: healthy traffic
uses a third of each limit, four times the buyers use up `checkout` and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service. `calls` maps a called service to the time-out of such a call in seconds."""

    name: str
    version: str
    replicas: int
    concurrency: int
    queue_limit: int
    calls: Mapping[str, float] = field(default_factory=dict)
    pool_size: int = 0
    pool_wait_s: float = 0.5
    flags: Mapping[str, bool] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    is_scalable: bool = True
    is_external: bool = False


_SPECS = (
    ServiceSpec(
        "gateway", "5.2.0", 2, 64, 64, calls={"checkout": 4.0, "search": 2.5},
        flags={"gateway.compress": True},
    ),
    ServiceSpec(
        "checkout", "2.7.3", 2, 3, 16, calls={"payments": 3.0, "inventory": 3.0},
        flags={"checkout.gift_wrap": False},
    ),
    ServiceSpec(
        "payments", "4.1.0", 2, 8, 32, calls={"bank": 1.5},
        flags={"payments.fraud_check": True},
    ),
    ServiceSpec(
        "inventory", "3.0.8", 2, 12, 32, calls={"database": 2.0}, pool_size=10,
        flags={"inventory.stock_report": False}, config={"table": "stock_items"},
    ),
    ServiceSpec(
        "search", "1.9.1", 2, 12, 32, calls={"database": 2.0}, pool_size=10,
        flags={"search.fuzzy": True}, config={"table": "products"},
    ),
    ServiceSpec("database", "15.6", 1, 5, 80, is_scalable=False),
    ServiceSpec("bank", "2024-11", 1, 64, 64, is_scalable=False, is_external=True),
)  # fmt: skip

SHOP: Final[Mapping[str, ServiceSpec]] = MappingProxyType({spec.name: spec for spec in _SPECS})
FLAG_OWNERS: Final[Mapping[str, str]] = MappingProxyType(
    {flag: spec.name for spec in _SPECS for flag in spec.flags}
)
MAX_REPLICAS: Final = 6
