"""One metric of a prediction on its own: its samples, its limit of harm, and how far it departs.

Pure. A departure is measured in margins beyond the line of health, so that metrics of different
units can be compared; a margin is what counts as worse for that metric.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

from remediation.types import Prediction, Schedule, Watched

ALERT = "alert"  # the key of the alerting metric's readings
_WORSE_SHARE = 0.25  # of the distance between the level before and the threshold
_WORSE_LEVEL = 0.1  # and at least this share of the level itself
_SWINGS = 2.0  # and as often as far as it swung by itself right before the effect
_SWING_SHARE = 0.5  # but never more than this share of the distance, lest noise hide harm
_CLEAR = 0.5  # of a guard's margin: up to here it is no worse
_RECENT = 3
GAP = 1.9  # intervals between two samples that still follow each other
_LEAST = 1e-9  # a margin of nothing would divide by it


class Mark(StrEnum):
    GOOD = "good"
    BAD = "bad"  # of the alerting metric: not recovered
    UNCLEAR = "unclear"  # of a guard: a little worse
    WORSE = "worse"  # beyond the limit of harm
    NO_DATA = "no_data"


@dataclass(frozen=True)
class Sample:
    at: float
    value: float | None


@dataclass(frozen=True)
class Course:
    """What was read of one metric: its values right before the effect, its samples since."""

    before: tuple[float, ...] = ()
    since: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Line:
    """One metric with the limits its samples are held against.

    `health` is where departure begins, `baseline` the worst of the levels at plan time and right
    before the effect: trouble that grew while the plan waited is not the action's doing. Both are
    fixed before the effect, so that no harm can raise the limit it is judged by.
    """

    key: str
    title: str
    unit: str
    is_up: bool
    health: float
    baseline: float
    level: float  # before the effect, for comparing shifts
    margin: float
    good_until: float
    schedule: Schedule
    since: tuple[Sample, ...]
    effect_at: float
    was_well: bool = False  # the alerting metric had recovered before the effect

    @classmethod
    def of_alert(cls, prediction: Prediction, course: Course, effect_at: float) -> "Line":
        is_up = prediction.direction == "up"
        baseline = _baseline(prediction.level_before, course, is_up=is_up)
        distance = abs(baseline - prediction.threshold)
        before = course.before
        return cls(
            key=ALERT,
            title=f"{prediction.signal} of {prediction.service}",
            unit=prediction.unit,
            is_up=is_up,
            health=prediction.threshold,
            baseline=baseline,
            level=baseline,
            margin=max(
                _WORSE_SHARE * distance,
                _WORSE_LEVEL * abs(baseline),
                min(_SWINGS * _swing(before, is_up=is_up), _SWING_SHARE * distance),
                _LEAST,
            ),
            good_until=prediction.threshold,
            schedule=prediction.schedule,
            since=course.since,
            effect_at=effect_at,
            was_well=len(before) >= _RECENT
            and all(_beyond(v, prediction.threshold, is_up=is_up) <= 0 for v in before),
        )

    @classmethod
    def of_watched(cls, watched: Watched, course: Course, effect_at: float) -> "Line":
        is_up = watched.direction == "up"
        baseline = _baseline(watched.level_before, course, is_up=is_up)
        margin = max(watched.margin, _LEAST)
        return cls(
            key=watched.key,
            title=watched.key,
            unit=watched.unit,
            is_up=is_up,
            health=baseline,
            baseline=baseline,
            level=median(course.before) if course.before else watched.level_before,
            margin=margin,
            good_until=baseline + (_CLEAR if is_up else -_CLEAR) * margin,
            schedule=watched.schedule,
            since=course.since,
            effect_at=effect_at,
        )

    @property
    def settled_from(self) -> float:
        """The end of the initial delay."""
        return self.effect_at + self.schedule.initial_delay_s

    @property
    def settled(self) -> tuple[Sample, ...]:
        """The samples after the initial delay."""
        return tuple(sample for sample in self.since if sample.at >= self.settled_from)

    @property
    def limit(self) -> float:
        """Beyond this, in the bad direction, the action has done harm."""
        return self.baseline + (self.margin if self.is_up else -self.margin)

    def mark(self, value: float | None) -> Mark:
        if value is None:
            return Mark.NO_DATA
        if _beyond(value, self.good_until, is_up=self.is_up) <= 0:
            return Mark.GOOD
        if _beyond(value, self.limit, is_up=self.is_up) > 0:
            return Mark.WORSE
        return Mark.BAD if self.key == ALERT else Mark.UNCLEAR

    def departure(self, value: float | None) -> float:
        """How far beyond health, in margins; none without a value."""
        if value is None:
            return 0.0
        return max(_beyond(value, self.health, is_up=self.is_up) / self.margin, 0.0)

    def shift(self) -> float | None:
        """How far the newest level is from the level before, positive for worse."""
        now = newest_level(self)
        return None if now is None else _beyond(now, self.level, is_up=self.is_up)

    def numbers(self) -> dict[str, Any]:
        marks = [self.mark(sample.value) for sample in self.since]
        counts = {str(mark): marks.count(mark) for mark in Mark if mark in marks}
        return {
            "before": self.baseline,
            "after": newest_level(self),
            "limit": self.limit,
            **counts,
        }


def newest_level(line: Line) -> float | None:
    """The median of the newest values, so that one sample decides nothing."""
    values = [sample.value for sample in line.since if sample.value is not None]
    return median(values[-_RECENT:]) if values else None


def typical_level(line: Line) -> float | None:
    """The median of all that was seen after the initial delay."""
    values = [sample.value for sample in line.settled if sample.value is not None]
    return median(values) if values else None


def failed(line: Line, *, worst_case: bool = False) -> bool:
    """Harm: enough samples beyond the limit, in a row or in all.

    What begins within the initial delay counts only if it lasts beyond it. `worst_case` reads what
    is missing as beyond the limit too, a sample without data as well as one that was never taken:
    whether it may have failed.
    """
    run = longest = total = 0
    for at, is_worse in _readings(line, worst_case=worst_case):
        run = run + 1 if is_worse else 0
        if at >= line.settled_from:
            longest, total = max(longest, run), total + is_worse
    return longest >= line.schedule.failure_run or total > line.schedule.failure_limit


def _readings(line: Line, *, worst_case: bool) -> Iterator[tuple[float, bool]]:
    """When, and whether it was beyond the limit or, in the worst case, may have been."""
    earlier = line.effect_at
    for sample in line.since:
        mark = line.mark(sample.value)
        if worst_case and not follows(line, earlier, sample.at):
            untaken = int((sample.at - earlier) / line.schedule.interval_s) - 1
            step = (sample.at - earlier) / (untaken + 1)
            yield from ((earlier + step * (i + 1), True) for i in range(untaken))
        yield sample.at, mark is Mark.WORSE or (worst_case and mark is Mark.NO_DATA)
        earlier = sample.at


def follows(line: Line, earlier: float, later: float) -> bool:
    """Whether no sample is missing between these two moments."""
    return later - earlier <= GAP * line.schedule.interval_s


def missing_run(line: Line) -> int:
    """How many of the newest samples in a row have no data."""
    run = 0
    for sample in reversed(line.since):
        if sample.value is not None:
            break
        run += 1
    return run


def _baseline(level: float, course: Course, *, is_up: bool) -> float:
    known: Sequence[float] = (level, median(course.before)) if course.before else (level,)
    return max(known) if is_up else min(known)


def _swing(before: Sequence[float], *, is_up: bool) -> float:
    """How far the worst value right before the effect is from the middle of them."""
    if len(before) < _RECENT:
        return 0.0
    return abs((max(before) if is_up else min(before)) - median(before))


def _beyond(value: float, line: float, *, is_up: bool) -> float:
    return value - line if is_up else line - value
