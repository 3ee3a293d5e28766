"""Watching the metrics of a prediction after an effect until there is a verdict.

A turn takes one sample of each metric that is due, the alerting one, its guards and its peers, each
distinct query once. The first turn also reads the levels right before the effect.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airra.lib import clock
from remediation.commands import recurrence
from remediation.commands.execution import load, move
from remediation.commands.prediction import stored_of
from remediation.commands.readings import Points, points_of
from remediation.execution.marks import ALERT, Course, Line, Sample
from remediation.execution.protocol import Event
from remediation.execution.verification import judge
from remediation.models import Execution
from remediation.types import ExecutionState, Mode, Prediction, Verdict, Watched

CHECK_EVERY_S = 8.0  # a little under the sweep's 10 s, so that every sweep finds the next one due
_EARLY_S = 2.5  # so much before its interval is over a metric is due too
_LOOK_BACK_S = 60.0
_BEFORE_S = 60.0
_EVENTS = {
    Verdict.MATCH: Event.MATCH,
    Verdict.DEVIATION: Event.DEVIATION,
    Verdict.PARTIAL: Event.UNPROVEN,
    Verdict.INCONCLUSIVE: Event.UNPROVEN,
}


def verify(*, execution_id: str) -> None:
    """Take the samples that are due and judge. A second call at the same time does nothing."""
    execution = load(execution_id)
    if execution is None or not _take_turn(execution):
        return
    prediction = stored_of(execution)
    record = _read(execution, prediction)
    kept = Execution.objects.filter(
        pk=execution.pk,
        state=ExecutionState.VERIFYING,
        next_check_at=execution.next_check_at,
    ).update(**_as_stored(execution, prediction, record))
    if kept != 1 or execution.effect_at is None:
        return
    now, effect_at = clock.now().timestamp(), execution.effect_at.timestamp()
    keeps = _has_helped(execution)
    judgement = judge(prediction, record, effect_at=effect_at, now=now, keeps=keeps)
    if judgement is not None:
        is_match = judgement.verdict is Verdict.MATCH
        move(
            execution,
            _EVENTS[judgement.verdict],
            **(recurrence.watch_from(clock.now()) if is_match else {}),
            verdict=judgement.verdict,
            verdict_reason=judgement.reason[:300],
            verdict_numbers=dict(judgement.numbers),
        )


def _has_helped(execution: Execution) -> bool:
    """Whether an earlier step or wave of the same plan was done and did no harm."""
    others = Execution.objects.filter(plan=execution.plan_id, mode=Mode.LIVE).exclude(
        pk=execution.pk
    )
    return others.filter(verdict__in=(Verdict.MATCH, Verdict.PARTIAL)).exists()


def _take_turn(execution: Execution) -> bool:
    """One caller per due time, by compare-and-set on when the next one is due."""
    due, now = execution.next_check_at, clock.now()
    if execution.state != ExecutionState.VERIFYING or due is None or due > now:
        return False
    following = now + timedelta(seconds=CHECK_EVERY_S)
    taken = Execution.objects.filter(
        pk=execution.pk, state=ExecutionState.VERIFYING, next_check_at=due
    ).update(next_check_at=following)
    execution.next_check_at = following
    return taken == 1


def _read(execution: Execution, prediction: Prediction) -> dict[str, Course]:
    """What was known of each metric, with the sample of this turn where one was due."""
    now = clock.now().timestamp()
    known = _record_of(execution)
    due = {
        key: metric
        for key, metric in _metrics(prediction).items()
        if _is_due(metric, known.get(key), now)
    }
    effect_at = execution.effect_at.timestamp() if execution.effect_at else now
    begun_at = execution.intent_at.timestamp() if execution.intent_at else effect_at
    start = now - _LOOK_BACK_S
    points = points_of(due, start=start if known else min(start, begun_at - _BEFORE_S), end=now)
    read = {
        key: _with_sample(
            known.get(key) or Course(_before(points[key], begun_at)),
            points[key],
            now=now,
            effect_at=effect_at,
        )
        for key in due
    }
    return {**known, **read}


def _metrics(prediction: Prediction) -> dict[str, Prediction | Watched]:
    """Every metric of a prediction by the key of its readings."""
    others = {each.key: each for each in (*prediction.guards, *prediction.peers)}
    return {ALERT: prediction, **others}


def _is_due(metric: Prediction | Watched, course: Course | None, now: float) -> bool:
    if course is None or not course.since:
        return True
    return now >= course.since[-1].at + metric.schedule.interval_s - _EARLY_S


def _before(points: Points, begun: float) -> tuple[float, ...]:
    """The values of the last moments before the intent: nothing of the effect can be in them."""
    return tuple(value for at, value in points if begun - _BEFORE_S <= at <= begun)


def _with_sample(course: Course, points: Points, *, now: float, effect_at: float) -> Course:
    """With the newest point, if it is newer than the effect and than the sample before."""
    known = [sample.at for sample in course.since if sample.value is not None]
    sample = Sample(now, None)
    if points and points[-1][0] > max([effect_at, *known]):
        sample = Sample(*points[-1])
    return Course(course.before, (*course.since, sample))


def _record_of(execution: Execution) -> dict[str, Course]:
    """The stored readings; empty before the first turn."""
    stored = {key: dict(told) for key, told in execution.readings.items()}
    if stored:
        stored[ALERT]["since"] = execution.samples
    return {
        key: Course(
            tuple(told["before"]), tuple(Sample(at, value) for at, value, _ in told["since"])
        )
        for key, told in stored.items()
    }


def _as_stored(
    execution: Execution, prediction: Prediction, record: Mapping[str, Course]
) -> dict[str, Any]:
    """The alerting metric's samples where they have always been, all others beside them."""
    effect_at = execution.effect_at.timestamp() if execution.effect_at else 0.0
    readings: dict[str, Any] = {}
    for key, metric in _metrics(prediction).items():
        course = record.get(key, Course())
        line = (
            Line.of_alert(metric, course, effect_at)
            if isinstance(metric, Prediction)
            else Line.of_watched(metric, course, effect_at)
        )
        since = [[s.at, s.value, line.mark(s.value)] for s in course.since]
        readings[key] = {"before": list(course.before), "since": since}
    samples = readings[ALERT].pop("since")
    return {"samples": samples, "readings": readings}
