"""What is remembered of each series between two looks: arrays only, one row for each series.

Everything is bounded and decays or rolls over, so the state of a series never grows. The last
axis is the row, so that one look at all series reads memory in order.
"""

import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from analysis.types import Floats

BINS = 48  # of a day: half an hour each
WINDOW = 168  # block maxima remembered: two weeks of two hours
RECENT = 64  # newest points, for series too young to have learnt anything
BUCKETS = 6  # parts of the window that something must hold

_MAGIC = b"AIRRABNK"
_VERSION = 2
_HEAD = struct.Struct("<8sHxxIddqI")  # magic, version, rows, step, clock, ticks, checksum


@dataclass(frozen=True)
class Kept:
    """How an array of the state is laid out for one row, and what it holds before any point."""

    shape: tuple[int, ...] = ()
    fill: float = 0.0
    dtype: type[np.generic] = np.float32


_WIDE = Kept(dtype=np.float64)
_AT = Kept(fill=np.nan, dtype=np.float64)
_NEVER = Kept(fill=-np.inf, dtype=np.float64)


@dataclass
class State:
    """Shapes below are those of one row; times in Unix seconds, values in the unit of the series.

    The four views that `block_tails` are kept for are: a point off two forecasts, a point off the
    slower forecast for five minutes, off the profile of the day for half an hour, and restless
    for half an hour.
    """

    count: Annotated[Floats, Kept()]
    lowest: Annotated[Floats, Kept(fill=np.inf)]
    last: Annotated[Floats, _AT]
    last_at: Annotated[Floats, _AT]
    # forecasts (fast, slow), their mean absolute error, and the profile of the day
    level: Annotated[Floats, Kept((2,), fill=np.nan, dtype=np.float64)]
    error: Annotated[Floats, Kept((2,))]
    profile: Annotated[Floats, Kept((BINS,), fill=np.nan)]
    days: Annotated[NDArray[np.uint8], Kept((BINS,), dtype=np.uint8)]
    bin_sum: Annotated[Floats, _WIDE]
    bin_count: Annotated[Floats, Kept()]
    offset: Annotated[Floats, _WIDE]
    # how much a point differs from the one before, on average
    unrest: Annotated[Floats, Kept(fill=np.nan)]
    # what is usual at this time of day: the mean of the largest (fast, slow, held, unrest)
    usual: Annotated[Floats, Kept((4, BINS))]
    usual_ever: Annotated[Floats, Kept((4,))]
    bins_done: Annotated[Floats, Kept()]
    bin_max: Annotated[Floats, Kept((4,))]
    # the smallest and largest departure of each part of the window (slow forecast, profile)
    held_low: Annotated[Floats, Kept((2, BUCKETS), fill=np.nan)]
    held_high: Annotated[Floats, Kept((2, BUCKETS), fill=np.nan)]
    held_unrest: Annotated[Floats, Kept((BUCKETS,), fill=np.nan)]
    # tails: logarithms of block maxima, and the centre and spread fitted to them
    maxima: Annotated[NDArray[np.float16], Kept((4, WINDOW), fill=np.nan, dtype=np.float16)]
    block_max: Annotated[Floats, Kept((4,))]
    blocks: Annotated[Floats, Kept((4,))]
    centre: Annotated[Floats, Kept((4,), fill=np.nan)]
    spread: Annotated[Floats, Kept((4,), fill=np.nan)]
    # runs of one value
    run_since: Annotated[Floats, _AT]
    longest_run_s: Annotated[Floats, Kept()]
    changes: Annotated[Floats, Kept()]
    # newest points, and the alarm
    recent: Annotated[Floats, Kept((RECENT,), fill=np.nan)]
    raised_at: Annotated[Floats, _NEVER]
    exceeded_at: Annotated[Floats, _NEVER]

    @classmethod
    def new(cls, rows: int) -> "State":
        return cls(
            **{
                name: np.full((*kept.shape, rows), kept.fill, kept.dtype)
                for name, kept in KEPT.items()
            }
        )

    @property
    def rows(self) -> int:
        return len(self.count)

    def take(self, rows: Sequence[int]) -> "State":
        """The state of `rows` in that order; -1 is a row nothing is known of yet."""
        wanted = np.asarray(rows, dtype=np.intp).reshape(-1)
        is_fresh = wanted < 0
        fresh = State.new(1)
        arrays: dict[str, Any] = {}
        for name in KEPT:
            source = np.concatenate([getattr(self, name), getattr(fresh, name)], axis=-1)
            arrays[name] = np.ascontiguousarray(source[..., np.where(is_fresh, -1, wanted)])
        return State(**arrays)


KEPT: dict[str, Kept] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(State, include_extras=True).items()
}


def row_bytes() -> int:
    """What one series costs, in memory and stored."""
    return sum(getattr(State.new(1), name).nbytes for name in KEPT)


def pack(state: State, *, step_s: float, now: float, ticks: int) -> bytes:
    """The state and its clock as bytes: a header with version and checksum, then the arrays."""
    body = b"".join(getattr(state, name).tobytes() for name in KEPT)
    head = _HEAD.pack(_MAGIC, _VERSION, state.rows, step_s, now, ticks, zlib.crc32(body))
    return head + body


def unpack(raw: bytes) -> tuple[State, float, float, int]:
    """State, step, clock and ticks. Raises ValueError on anything `pack` did not write."""
    if len(raw) < _HEAD.size:
        msg = f"a stored bank has at least {_HEAD.size} bytes; got {len(raw)}"
        raise ValueError(msg)
    magic, version, rows, step_s, now, ticks, checksum = _HEAD.unpack_from(raw)
    if magic != _MAGIC or version != _VERSION:
        msg = f"not a stored bank of version {_VERSION}: rebuild it from the source"
        raise ValueError(msg)
    body = memoryview(raw)[_HEAD.size :]
    if len(body) != rows * row_bytes() or zlib.crc32(body) != checksum:
        msg = f"a stored bank of {rows} rows is damaged: rebuild it from the source"
        raise ValueError(msg)
    arrays: dict[str, Any] = {}
    at = 0
    for name, kept in KEPT.items():
        shape = (*kept.shape, rows)
        found = np.frombuffer(body, kept.dtype, math.prod(shape), at)
        arrays[name] = found.reshape(shape).copy()
        at += found.nbytes
    return State(**arrays), step_s, now, ticks
