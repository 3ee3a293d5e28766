"""How often a template came, look by look, and what its next count is measured against."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from analysis.perception.count_tails import count_limit, count_tail

LOOK_S = 30.0
PER_HOUR = int(3600 / LOOK_S)
_RECENT = PER_HOUR  # looks that make the baseline
RECENT_KEPT = 2 * _RECENT
_KEPT_HOURS = 8 * 24
KEPT_LOOKS = _KEPT_HOURS * PER_HOUR
_LEAST = 30  # looks without which there is no baseline
_LEAST_IN_HOUR = 20  # looks read of an hour before it says what is usual at that time of day
_RATIO = 2.0  # times the usual that a surge has at least
_GAP = 3  # looks without surge that end one


class Whole:
    """The looks that were read wholly, as ranges [start, end), ascending."""

    def __init__(self, ranges: Sequence[Sequence[int]] = ()) -> None:
        self.ranges = [[int(start), int(end)] for start, end in ranges]

    @property
    def end(self) -> int | None:
        return self.ranges[-1][1] if self.ranges else None

    def add(self, look: int) -> None:
        if self.ranges and look < self.ranges[-1][1]:
            msg = f"look {look} was read before"
            raise ValueError(msg)
        if self.ranges and self.ranges[-1][1] == look:
            self.ranges[-1][1] = look + 1
        else:
            self.ranges.append([look, look + 1])

    def forget(self, *, before: int) -> None:
        self.ranges = [[max(s, before), e] for s, e in self.ranges if e > before]

    def between(self, start: int, end: int) -> int:
        """How many of [start, end)."""
        return sum(max(min(e, end) - max(s, start), 0) for s, e in self.ranges)

    def within(self, start: int, end: int) -> list[int]:
        """Which of [start, end)."""
        return [n for s, e in self.ranges for n in range(max(s, start), min(e, end))]


@dataclass(frozen=True)
class Baseline:
    """What one look brings: lines on average, at most, how bursty, in what share of looks.

    `scatter` is an upper estimate: from an hour, two standard errors above the one measured. With
    the measured one, bursty traffic of four weeks gave two to three times the accepted alarms.
    """

    looks: int
    mean: float
    peak: int
    scatter: float
    presence: float

    def p_value(self, count: int) -> float:
        return count_tail(count, mean=self.mean, scatter=self.scatter)

    def is_surge(self, count: int, chance: float, least: float) -> bool:
        """Above everything seen lately, twice the usual and `least` lines more, and no chance."""
        return count >= self._gate(least) and self.p_value(count) <= chance

    def limit(self, chance: float, least: float) -> float:
        """The smallest count that is a surge."""
        likely = count_limit(chance, mean=self.mean, scatter=self.scatter)
        return max(self._gate(least), float(likely))

    def _gate(self, least: float) -> float:
        return max(self.peak + 1.0, _RATIO * self.mean, self.mean + least)


@dataclass
class Counts:
    """Lines of one template in looks read wholly: the last two hours, and by hour for eight days.

    Looks without a line are not held. `odd` are the looks that surged; they are no baseline.
    """

    recent: dict[int, int] = field(default_factory=dict)
    hours: dict[int, int] = field(default_factory=dict)
    odd: list[int] = field(default_factory=list)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            recent=_undone(data.get("recent")),
            hours=_undone(data.get("hours")),
            odd=list(data.get("odd", ())),
        )

    def to_json(self) -> dict[str, Any]:
        """Compact: each from its first on, one number after the other."""
        return {"recent": _packed(self.recent), "hours": _packed(self.hours), "odd": self.odd}

    def add(self, look: int) -> None:
        self.recent[look] = self.recent.get(look, 0) + 1
        hour = look // PER_HOUR
        self.hours[hour] = self.hours.get(hour, 0) + 1

    def at(self, look: int) -> int:
        return self.recent.get(look, 0)

    def between(self, start: int, end: int) -> int:
        return sum(count for look, count in self.recent.items() if start <= look < end)

    def mark(self, look: int) -> None:
        """This look surged: it is no part of the baseline of the hour after it."""
        self.odd.append(look)

    def forget(self, *, before: int) -> None:
        """Looks from `before` on stay; of the hours, those of the eight days before it."""
        if not self.recent or min(self.recent) >= before - _RECENT:
            return
        self.recent = {look: n for look, n in self.recent.items() if look >= before}
        self.odd = [look for look in self.odd if look >= before]
        oldest = before // PER_HOUR - _KEPT_HOURS
        self.hours = {hour: n for hour, n in self.hours.items() if hour >= oldest}

    def run(self, end: int) -> list[int]:
        """The looks of the surge that is still on at `end`, earliest first."""
        found: list[int] = []
        reach = end
        for look in reversed(self.odd):
            if reach - look > _GAP:
                break
            found.append(look)
            reach = look
        return found[::-1]

    def baseline(self, whole: Whole, *, look: int, since: int) -> Baseline | None:
        """What `look` should bring, from the hour before it and the same hour of the last days.

        None before a quarter of an hour was read. When the whole hour surged, that is the usual.
        """
        there = whole.within(max(look - _RECENT, since), look)
        calm = sorted(set(there) - set(self.odd))
        used = calm if len(calm) >= _LEAST else there
        if len(used) < _LEAST:
            return None
        counts = np.array([self.recent.get(n, 0) for n in used], dtype=np.float64)
        usual = (counts.sum() + 0.5) / len(counts)
        burst = float(counts.var(ddof=1) / max(counts.mean(), 1e-9)) - 1.0 if counts.any() else 0.0
        return Baseline(
            looks=len(used),
            mean=max(usual, self._at_this_time(whole, look)),
            peak=int(counts.max()),
            scatter=1.0 + max(burst, 0.0) * (1.0 + 2.0 * math.sqrt(2.0 / len(counts))),
            presence=float((counts > 0).mean()),
        )

    def _at_this_time(self, whole: Whole, look: int) -> float:
        """The mean a look had at this hour, or one beside it, on two of the last days at least.

        Once may have been trouble, which tomorrow would be trouble again.
        """
        now = look // PER_HOUR
        days = []
        for day in range(1, _KEPT_HOURS // 24):
            hours = range(now - 24 * day - 1, now - 24 * day + 2)
            days.append(max(self._mean_in(whole, hour) for hour in hours))
        return sorted(days)[-2]

    def _mean_in(self, whole: Whole, hour: int) -> float:
        if not self.hours.get(hour):
            return 0.0
        looks = whole.between(hour * PER_HOUR, (hour + 1) * PER_HOUR)
        return self.hours[hour] / looks if looks >= _LEAST_IN_HOUR else 0.0


def _packed(counts: Mapping[int, int]) -> list[int]:
    if not counts:
        return []
    first = min(counts)
    return [first, *(counts.get(n, 0) for n in range(first, max(counts) + 1))]


def _undone(packed: Sequence[int] | None) -> dict[int, int]:
    if not packed:
        return {}
    return {packed[0] + n: count for n, count in enumerate(packed[1:]) if count}
