"""The verdict on an executed action, by code only, on the metric that alerted. Pure.

Argo Rollouts' semantics for each metric of the prediction (initial delay, interval, count, limits
of failed, unclear and missing samples) and three rules of our own: an untouched control group has
to tell "it recovered anyway" from "we did it", the worst departure may not end above where it
began, and what is missing is read as the worst it could have been wherever that would help a
match, and as nothing wherever it would help harm (`remediation.md` §2.7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from airra.lib.quantities import count as counted
from airra.lib.quantities import quantity
from remediation.execution.marks import (
    ALERT,
    Course,
    Line,
    Mark,
    failed,
    follows,
    missing_run,
    newest_level,
    typical_level,
)
from remediation.types import Prediction, Verdict

MIN_CONTROL = 2  # so many peers at least before a shift of all of them excuses harm
_ALIKE = 0.5  # of the alerting metric's own shift
_NOISE = 0.5  # margins by which the severity may end above where it began
_CALM_SAMPLES = 2


@dataclass(frozen=True)
class Judgement:
    """A verdict, why, and the numbers it was made of."""

    verdict: Verdict
    reason: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


def judge(
    prediction: Prediction,
    record: Mapping[str, Course],
    *,
    effect_at: float,
    now: float,
    keeps: bool = False,
) -> Judgement | None:
    """The verdict, or None while it is open.

    `record` holds what was read by metric, `ALERT` and the keys of guards and peers; a metric that
    is not in it has no data. Times in Unix seconds, samples oldest first. The order of the metrics
    is nothing. `keeps`: an earlier part of the same plan has brought the recovery, and this one has
    to keep it; otherwise what was well before the action recovered by itself.
    """
    trial = _Trial(prediction, record, effect_at, now, keeps=keeps)
    found = trial.harm() or trial.match() or trial.silence()
    if found is None and trial.is_over:
        found = trial.ending()
    if found is None:
        return None
    return Judgement(found[0], found[1], trial.numbers())


_Found = tuple[Verdict, str] | None


class _Trial:
    """One look at everything that was read until now."""

    def __init__(
        self,
        prediction: Prediction,
        record: Mapping[str, Course],
        effect_at: float,
        now: float,
        *,
        keeps: bool,
    ) -> None:
        self.prediction = prediction
        self.keeps = keeps
        self.alert = Line.of_alert(prediction, record.get(ALERT, Course()), effect_at)
        self.guards = [
            Line.of_watched(guard, record.get(guard.key, Course()), effect_at)
            for guard in sorted(prediction.guards, key=lambda each: each.key)
        ]
        self.peers = [
            Line.of_watched(peer, record.get(peer.key, Course()), effect_at)
            for peer in sorted(prediction.peers, key=lambda each: each.key)
        ]
        samples = self.alert.since
        self.is_over = (
            now >= effect_at + prediction.within_s or len(samples) >= prediction.schedule.count
        )
        tail = samples[-prediction.hold_points :]
        in_a_row = all(follows(self.alert, a.at, b.at) for a, b in pairwise(tail))
        self.held = (
            len(tail) == prediction.hold_points
            and in_a_row
            and all(self.alert.mark(s.value) is Mark.GOOD for s in tail)
        )

    # Harm

    def harm(self) -> _Found:
        """A guard's harm stands by itself; the alerting metric's may be a shift of everything."""
        is_shift = failed(self.alert) and self._moved_with_everything()
        harmed = [guard for guard in self.guards if failed(guard)]
        if failed(self.alert) and not is_shift:
            harmed.append(self.alert)
        if not harmed:
            return self._shift_of_everything() if is_shift and self.is_over else None
        worst = max(harmed, key=lambda line: (line.departure(newest_level(line)), line.key))
        word = "worse than before the action" if worst is self.alert else "the action did harm"
        return Verdict.DEVIATION, f"{_beyond(worst)}: {word}"

    def _moved_with_everything(self) -> bool:
        alike = sum(self._is_alike(peer) is True for peer in self.peers)
        return alike >= MIN_CONTROL and 2 * alike > len(self.peers)

    def _shift_of_everything(self) -> tuple[Verdict, str]:
        alike = sum(self._is_alike(peer) is True for peer in self.peers)
        reason = (
            f"{self.prediction.signal} got worse, but {alike} of {len(self.peers)} services that "
            "the action does not reach moved alike: not established that it did harm"
        )
        return Verdict.INCONCLUSIVE, reason

    def _is_alike(self, peer: Line) -> bool | None:
        """Whether an untouched peer moved as the alerting metric did; None without its data."""
        tail = peer.since[-self.prediction.hold_points :]
        if not tail or any(sample.value is None for sample in tail):
            return None
        ours, theirs = self.alert.shift(), peer.shift()
        if ours is None or theirs is None:
            return None
        return ours * theirs > 0 and abs(theirs) >= _ALIKE * abs(ours)

    # Recovery

    def match(self) -> _Found:
        """The alerting metric held, nothing may have failed meanwhile, and it was the action."""
        if not self.held:
            return None
        if self.alert.was_well and not self.keeps:
            reason = f"{_side(self.prediction)} already before the action: it recovered by itself"
            return Verdict.INCONCLUSIVE, reason
        if failed(self.alert, worst_case=True) or not all(_is_calm(g) for g in self.guards):
            return None
        return (Verdict.MATCH, self._matched()) if self.alert.was_well else self._credited()

    def _credited(self) -> _Found:
        """Whose recovery it is, by the control group; open while too few of it answer."""
        found = [self._is_alike(peer) for peer in self.peers]
        if 2 * found.count(True) > len(found):
            reason = (
                f"{_side(self.prediction)}, but {found.count(True)} of {len(found)} services that "
                "the action does not reach recovered alike: not established that it was the action"
            )
            return Verdict.INCONCLUSIVE, reason
        if 2 * sum(alike is not False for alike in found) > len(found):
            return None
        return Verdict.MATCH, self._matched()

    def _matched(self) -> str:
        reason = f"{_side(self.prediction)} for {self.prediction.hold_points} samples in a row"
        if self.guards:
            reason += f"; {counted(len(self.guards), 'guard')} no worse"
        if self.peers:
            reason += f"; {counted(len(self.peers), 'untouched service')} did not move with it"
        return reason

    # No end of it

    def silence(self) -> _Found:
        limit = self.prediction.schedule.error_limit
        if missing_run(self.alert) <= limit:
            return None
        return Verdict.INCONCLUSIVE, f"no data of {self.alert.title} {limit + 1} times in a row"

    def ending(self) -> tuple[Verdict, str]:
        within = f"within {self.prediction.within_s} s"
        with_data = sum(sample.value is not None for sample in self.alert.since)
        if with_data < self.prediction.hold_points:
            return Verdict.INCONCLUSIVE, f"{counted(with_data, 'sample')} {within}: too few"
        regression = self._regression()
        if regression is not None:
            return regression
        if self.held:
            return self._held_but()
        if any(self.alert.mark(s.value) is Mark.GOOD for s in self.alert.since):
            return Verdict.PARTIAL, f"{_side(self.prediction)} at times, not for good {within}"
        return Verdict.PARTIAL, f"not {_side(self.prediction)} {within}"

    def _regression(self) -> _Found:
        """The no-regression rule (STRATUS): the severity may not end above where it began."""
        before, after = self._severity(at_end=False), self._severity(at_end=True)
        if after[0] <= before[0] + _NOISE:
            return None
        if after[1] is self.alert and self._moved_with_everything():
            return self._shift_of_everything()
        reason = (
            f"severity rose from {before[0]:.1f} to {after[0]:.1f}, by {after[1].title}: "
            "a step may not leave it worse"
        )
        return Verdict.DEVIATION, reason

    def _severity(self, *, at_end: bool) -> tuple[float, Line]:
        """The worst departure of alerting metric and guards, in margins, and whose it is."""
        lines = [self.alert, *self.guards]

        def departure(line: Line) -> float:
            return line.departure(self._level_after(line) if at_end else line.baseline)

        worst = max(lines, key=lambda line: (departure(line), line.key))
        return departure(worst), worst

    def _level_after(self, line: Line) -> float | None:
        """Where it stands; what never settled has no newest level that means anything."""
        return newest_level(line) if self.held or not self.is_over else typical_level(line)

    def _held_but(self) -> tuple[Verdict, str]:
        """Why a metric that held is no match."""
        blind = [line for line in (self.alert, *self.guards) if _is_blind(line)]
        recovered = _side(self.prediction)
        if blind:
            names = ", ".join(line.title for line in blind)
            reason = f"{recovered}, but too much is missing of {names} to rule out harm"
            return Verdict.INCONCLUSIVE, reason
        uneasy = [guard.title for guard in self.guards if not _is_calm(guard)]
        if uneasy:
            return Verdict.PARTIAL, f"{recovered}, but {', '.join(uneasy)} is not as before"
        reason = f"{recovered}, but too few of the {len(self.peers)} untouched services answer"
        return Verdict.INCONCLUSIVE, reason

    def numbers(self) -> dict[str, Any]:
        """What the verdict was made of, for the record and the page."""
        (before, _), (after, worst) = self._severity(at_end=False), self._severity(at_end=True)
        return {
            "severity": {
                "before": round(before, 3),
                "after": round(after, 3),
                "worst": worst.title,
            },
            "alert": {**self.alert.numbers(), "threshold": self.prediction.threshold},
            "guards": {guard.key: guard.numbers() for guard in self.guards},
            "peers": {
                peer.key: {**peer.numbers(), "alike": self._is_alike(peer)} for peer in self.peers
            },
        }


def _is_calm(guard: Line) -> bool:
    """No worse than before, seen to be so, and nothing failed even if all that is missing did."""
    marks = [guard.mark(sample.value) for sample in guard.settled]
    unclear = sum(mark is not Mark.GOOD for mark in marks)
    return (
        marks.count(Mark.GOOD) >= _CALM_SAMPLES
        and marks[-1] is Mark.GOOD
        and unclear <= guard.schedule.inconclusive_limit
        and not failed(guard, worst_case=True)
    )


def _is_blind(line: Line) -> bool:
    """Whether only what is missing keeps it from being content."""
    seen = sum(sample.value is not None for sample in line.settled)
    return seen < _CALM_SAMPLES or (not failed(line) and failed(line, worst_case=True))


def _side(prediction: Prediction) -> str:
    word = "below" if prediction.direction == "up" else "above"
    return f"{prediction.signal} {word} {quantity(prediction.threshold, prediction.unit)}"


def _beyond(line: Line) -> str:
    return f"{line.title} beyond {quantity(line.limit, line.unit)}"
