"""Traps: what turns a repair into harm. Nothing shows of one until somebody repairs.

They are for whoever wants to see what an operator, or AIRRA, makes of an action that does harm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

OLD_SCHEMA: Final = "old-schema"  # a release that cannot read what a newer one has written


@dataclass(frozen=True, slots=True)
class Trap:
    name: str
    service: str
    happens: str


_TABLE: Final = (
    Trap(
        "one-way-release", "checkout",
        "The present release has migrated the orders: every earlier one fails on all of them.",
    ),
)  # fmt: skip

TRAPS: Final[Mapping[str, Trap]] = MappingProxyType({trap.name: trap for trap in _TABLE})
