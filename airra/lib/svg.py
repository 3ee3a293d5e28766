"""Small charts as SVG attributes, so that a page needs no script to show them. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sparkline:
    """A polyline in a box of `width` x `height`; `threshold_y` is None when out of sight."""

    width: int
    height: int
    points: str
    last_x: float
    last_y: float
    threshold_y: float | None


def sparkline(
    values: Sequence[float], *, threshold: float | None = None, width: int = 240, height: int = 48
) -> Sparkline | None:
    """The line of the finite `values`, evenly spaced, oldest left. None when there are none."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite:
        return None
    shown = finite if threshold is None else [*finite, threshold]
    low, high = min(shown), max(shown)
    room = (high - low) or 1.0
    pad = 4.0

    def y_of(value: float) -> float:
        return round(pad + (height - 2 * pad) * (1 - (value - low) / room), 1)

    step = (width - 2 * pad) / max(1, len(finite) - 1)
    corners = [(round(pad + i * step, 1), y_of(v)) for i, v in enumerate(finite)]
    return Sparkline(
        width=width,
        height=height,
        points=" ".join(f"{x},{y}" for x, y in corners),
        last_x=corners[-1][0],
        last_y=corners[-1][1],
        threshold_y=None if threshold is None else y_of(threshold),
    )
