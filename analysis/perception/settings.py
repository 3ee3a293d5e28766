"""How a detector is set: the one knob, the bad direction, and what is too small to matter."""

from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    UP = "up"
    DOWN = "down"
    BOTH = "both"


@dataclass(frozen=True)
class DetectorSettings:
    """`alarms_per_week`: expected false alarms per series and week, smaller is calmer.

    `floor`: the smallest departure from what is expected that can matter, in the unit of the
    series.
    """

    alarms_per_week: float = 0.35
    direction: str = Direction.UP
    floor: float = 0.0
