"""The detector: many series at once, judged point by point against what each has shown before.

Six views look at every point: off two forecasts at once (spike), off the slower one for five
minutes (level shift), off the profile of the day for half an hour (drift, seasonal break),
restless for as long (variance), a run of one value (flat line), and, before a day is known, off
the newest points. Each view's
departure is turned into a score by the series' own tail (`block_tails`), so that one number of
expected alarms per week means the same for every series. A score that is reached raises once:
flags last ten minutes, and the next alarm waits until the series was quiet for an hour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from analysis.perception import block_tails, views
from analysis.perception import state as stored
from analysis.perception.judgement import KINDS, Judgement, Look, forget_trouble, judge
from analysis.perception.settings import DetectorSettings
from analysis.perception.state import State
from analysis.perception.views import Flags
from analysis.types import Floats, Trouble

NO_KIND = -1

HOLD_S = 600.0  # how long flags of one alarm last
QUIET_S = 3_600.0  # below the needed score that long, and the next excess is a new alarm
_QUIET_STEPS = 2.5  # but never less than that many steps
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Readings:
    """One entry for each row and point, (rows, points).

    `expected`, `low` and `high` in the unit of the series, NaN where nothing is known yet;
    `score` is -log10 of `p_value`, the chance of two healthy hours to hold as much; `kind` an
    index into `KINDS`, -1 where nothing is flagged. `is_flagged` marks the alarm when it is
    raised, not how long the trouble lasts: that the band tells.
    """

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    is_flagged: Flags
    kind: NDArray[np.int8]
    p_value: Floats

    @classmethod
    def empty(cls, rows: int, points: int) -> "Readings":
        def unknown() -> Floats:
            return np.full((rows, points), np.nan)

        return cls(
            expected=unknown(),
            low=unknown(),
            high=unknown(),
            score=unknown(),
            is_flagged=np.zeros((rows, points), np.bool_),
            kind=np.full((rows, points), NO_KIND, np.int8),
            p_value=unknown(),
        )

    @classmethod
    def joined(cls, parts: Iterable["Readings"]) -> "Readings":
        """The readings of calls that followed one another."""
        every = [vars(part) for part in parts]
        return cls(**{f.name: np.hstack([one[f.name] for one in every]) for f in fields(cls)})

    def trouble(self, row: int, point: int) -> Trouble | None:
        kind = int(self.kind[row, point])
        return None if kind == NO_KIND else KINDS[kind]


class Bank:
    """The state of many series, and how it moves on. See `advance`."""

    def __init__(self, state: State, *, step_s: float, now: float, ticks: int) -> None:
        self._state = state
        self.step_s = step_s
        self._now = now
        self._ticks = ticks
        self._known: tuple[tuple[int, int, float], Floats, Floats, Flags] | None = None

    @classmethod
    def new(cls, rows: int, *, step_s: float) -> "Bank":
        """A bank of series sampled every `step_s` seconds, of which nothing is known yet."""
        if not (rows >= 0 and step_s > 0):
            msg = f"a bank needs rows >= 0 and a step above 0 s, got {rows} and {step_s}"
            raise ValueError(msg)
        return cls(State.new(rows), step_s=step_s, now=-np.inf, ticks=0)

    @property
    def rows(self) -> int:
        return self._state.rows

    @property
    def now(self) -> float:
        """The newest time seen; minus infinity before any."""
        return self._now

    def take(self, rows: Sequence[int]) -> "Bank":
        """A bank of `rows` in that order; -1 makes a row nothing is known of yet."""
        return Bank(self._state.take(rows), step_s=self.step_s, now=self._now, ticks=self._ticks)

    def to_bytes(self) -> bytes:
        return stored.pack(self._state, step_s=self.step_s, now=self._now, ticks=self._ticks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Bank":
        """Raises ValueError on another version or a damaged blob: rebuild it from the source."""
        state, step_s, now, ticks = stored.unpack(raw)
        return cls(state, step_s=step_s, now=now, ticks=ticks)

    def advance(
        self,
        times: Floats,
        values: Floats,
        settings: DetectorSettings,
        *,
        tolerance: Floats | None = None,
    ) -> Readings:
        """Judge new points, oldest first, and learn from them.

        `times` (points,) in Unix seconds, ascending and later than any seen; `values` (rows,
        points), NaN for a gap; `tolerance` (rows,) multiplies the needed departure. What one
        point is told never depends on later ones nor on other rows. Raises ValueError on a wrong
        shape or order.
        """
        self._check(times, values, tolerance)
        room = np.ones(self.rows) if tolerance is None else tolerance
        needed = block_tails.needed(settings.alarms_per_week, self.step_s)
        found = Readings.empty(self.rows, len(times))
        with np.errstate(invalid="ignore"):
            for i, at in enumerate(times.tolist()):
                x = np.where(np.isfinite(values[:, i]), values[:, i], np.nan)
                self._open(at)
                judged = judge(self._state, self._look(x, at, settings, needed=needed, room=room))
                self._decide(judged, at, found=found, point=i)
        return found

    def _look(
        self, x: Floats, at: float, settings: DetectorSettings, *, needed: float, room: Floats
    ) -> Look:
        """The point and what is known of each row, which changes with half hours and blocks."""
        state = self._state
        bin_, block = int(at // views.BIN_S), int(at // block_tails.block_s(self.step_s))
        if self._known is None or self._known[0] != (bin_, block, needed):
            self._known = (
                (bin_, block, needed),
                views.usual(state, at),
                block_tails.sizes_at(state, needed),
                state.blocks[0] < block_tails.MIN_BLOCKS,
            )
        _, scale, reach, is_young = self._known
        return Look(
            x, at, self.step_s, self._ticks, needed, room, settings, scale, reach * room, is_young
        )

    def _check(self, times: Floats, values: Floats, tolerance: Floats | None) -> None:
        if values.shape != (self.rows, len(times)):
            msg = f"values must be {(self.rows, len(times))} (rows, times), got {values.shape}"
            raise ValueError(msg)
        if tolerance is not None and tolerance.shape != (self.rows,):
            msg = f"tolerance must be {(self.rows,)} (rows), got {tolerance.shape}"
            raise ValueError(msg)
        if len(times) and not (times[0] > self._now and (np.diff(times) > 0).all()):
            msg = f"times must ascend and be later than {self._now}"
            raise ValueError(msg)

    def _open(self, at: float) -> None:
        """Close what ended before `at`: half hours of the day, blocks, parts of windows."""
        before = self._now
        if np.isfinite(before):
            if int(before // views.BIN_S) != int(at // views.BIN_S):
                views.close_bin(self._state, int(before % views.DAY_S / views.BIN_S))
            block = block_tails.block_s(self.step_s)
            if int(before // block) != int(at // block):
                block_tails.close_block(self._state)
        views.open_parts(self._state, before, at, step_s=self.step_s)
        self._now = at
        self._ticks += 1

    def _decide(self, judged: Judgement, at: float, *, found: Readings, point: int) -> None:
        """Raise once where the loudest view is loud enough, and write the reading down."""
        state = self._state
        is_loud = judged.is_loud
        quiet_s = max(QUIET_S, _QUIET_STEPS * self.step_s)
        is_new = is_loud & (at - state.exceeded_at > quiet_s)
        state.raised_at[is_new] = at
        state.exceeded_at[is_loud] = at
        is_flagged = is_loud & (at - state.raised_at <= HOLD_S)
        forget_trouble(state, self._ticks, is_loud & (state.blocks[0] < block_tails.MIN_BLOCKS))
        found.expected[:, point] = judged.expected
        found.high[:, point] = judged.expected + judged.half
        low = judged.expected - judged.half
        found.low[:, point] = np.where(state.lowest >= 0, np.maximum(low, 0.0), low)
        found.p_value[:, point] = block_tails.p_value(judged.score)
        found.score[:, point] = -np.log10(np.maximum(found.p_value[:, point], _TINY))
        found.is_flagged[:, point] = is_flagged
        found.kind[:, point] = np.where(is_flagged, judged.kind, NO_KIND)
