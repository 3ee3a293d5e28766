"""The verdict on an executed action, by code only, on the metric that alerted. Pure.

Argo Rollouts' semantics: samples at an interval, a number of good ones in a row, a limit of bad
ones, and no data is never good (`remediation.md` §2.7).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from airra.lib.quantities import quantity
from remediation.types import Prediction, Verdict

CHECK_EVERY_S = 8.0  # a little under the sweep's 10 s, so that every sweep finds the next one due
WORSE_POINTS = 3
_WORSE_SHARE = 0.25  # of the distance between the level at plan time and the threshold
_WORSE_LEVEL = 0.1  # and at least this share of the level itself


class Mark(StrEnum):
    GOOD = "good"
    BAD = "bad"
    NO_DATA = "no_data"


@dataclass(frozen=True)
class Sample:
    at: float
    value: float | None
    mark: Mark


@dataclass(frozen=True)
class Judgement:
    verdict: Verdict
    reason: str


def mark(prediction: Prediction, value: float | None) -> Mark:
    if value is None:
        return Mark.NO_DATA
    good = (
        value <= prediction.threshold
        if prediction.direction == "up"
        else value >= prediction.threshold
    )
    return Mark.GOOD if good else Mark.BAD


def worse_than(prediction: Prediction, level: float | None = None) -> float:
    """The level beyond which, in the bad direction, the action has done harm.

    `level` is what was measured right at the effect: trouble that grew while the plan waited for
    its approval is not the action's doing.
    """
    is_up = prediction.direction == "up"
    known = [prediction.level_before, *([] if level is None else [level])]
    before = max(known) if is_up else min(known)
    distance = abs(before - prediction.threshold)
    margin = max(_WORSE_SHARE * distance, _WORSE_LEVEL * abs(before))
    return before + margin if is_up else before - margin


def judge(
    prediction: Prediction,
    samples: Sequence[Sample],
    *,
    effect_at: float,
    now: float,
    settle_s: float,
) -> Judgement | None:
    """The verdict, or None while it is open. Times in Unix seconds; `samples` oldest first.

    A match needs `hold_points` good samples in a row; harm needs `WORSE_POINTS` samples in a row
    beyond `worse_than` after the settle delay; only data can match or deviate. The first sample,
    taken right after the effect, still shows the level the action found.
    """
    tail = [s.mark for s in samples[-prediction.hold_points :]]
    if len(tail) == prediction.hold_points and all(m is Mark.GOOD for m in tail):
        return Judgement(Verdict.MATCH, f"{_side(prediction)} for {len(tail)} samples in a row")
    early = [s.value for s in samples[:1] if s.at < effect_at + settle_s]
    limit = worse_than(prediction, early[0] if early else None)
    if _is_worse(prediction, [s for s in samples if s.at >= effect_at + settle_s], limit):
        reason = f"{prediction.signal} beyond {quantity(limit, prediction.unit)}"
        return Judgement(Verdict.DEVIATION, f"{reason}: worse than before the action")
    if now < effect_at + prediction.within_s:
        return None
    return _at_the_end(prediction, samples)


def _is_worse(prediction: Prediction, settled: Sequence[Sample], limit: float) -> bool:
    last = [s.value for s in settled[-WORSE_POINTS:]]
    if len(last) < WORSE_POINTS:
        return False
    is_up = prediction.direction == "up"
    return all(v is not None and (v > limit if is_up else v < limit) for v in last)


def _at_the_end(prediction: Prediction, samples: Sequence[Sample]) -> Judgement:
    with_data = [s for s in samples if s.mark is not Mark.NO_DATA]
    within = f"within {prediction.within_s} s"
    if len(with_data) < prediction.hold_points:
        return Judgement(Verdict.INCONCLUSIVE, f"{len(with_data)} samples {within}: too few")
    if any(s.mark is Mark.GOOD for s in samples):
        return Judgement(Verdict.PARTIAL, f"{_side(prediction)} at times, not for good {within}")
    return Judgement(Verdict.PARTIAL, f"not {_side(prediction)} {within}")


def _side(prediction: Prediction) -> str:
    word = "below" if prediction.direction == "up" else "above"
    return f"{prediction.signal} {word} {quantity(prediction.threshold, prediction.unit)}"
