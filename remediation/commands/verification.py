"""Watching the metric that alerted after an effect, one sample a call, until there is a verdict."""

from datetime import timedelta

from airra.lib import clock
from remediation.commands import prediction as predictions
from remediation.commands.execution import load, move
from remediation.decision.catalog import spec_of
from remediation.execution.protocol import Event
from remediation.execution.verification import CHECK_EVERY_S, Judgement, Mark, Sample, judge, mark
from remediation.models import Execution
from remediation.types import ExecutionState, Prediction, Verdict

_EVENTS = {
    Verdict.MATCH: Event.MATCH,
    Verdict.DEVIATION: Event.DEVIATION,
    Verdict.PARTIAL: Event.UNPROVEN,
    Verdict.INCONCLUSIVE: Event.UNPROVEN,
}


def verify(*, execution_id: str) -> None:
    """Take the sample that is due and judge. A second call at the same time does nothing."""
    execution = load(execution_id)
    if execution is None or not _take_turn(execution):
        return
    prediction = predictions.from_json(execution.plan.prediction)
    samples = [*_stored(execution), _sample(execution, prediction)]
    kept = Execution.objects.filter(
        pk=execution.pk,
        state=ExecutionState.VERIFYING,
        next_check_at=execution.next_check_at,
    ).update(samples=[[s.at, s.value, s.mark] for s in samples])
    judgement = _judge(execution, prediction, samples) if kept == 1 else None
    if judgement is not None:
        move(
            execution,
            _EVENTS[judgement.verdict],
            verdict=judgement.verdict,
            verdict_reason=judgement.reason[:300],
        )


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


def _sample(execution: Execution, prediction: Prediction) -> Sample:
    """The newest value, if it is newer than the effect and than the sample before."""
    now = clock.now().timestamp()
    point = predictions.newest_point(prediction)
    known = [s.at for s in _stored(execution) if s.mark is not Mark.NO_DATA]
    effect_at = execution.effect_at.timestamp() if execution.effect_at else now
    if point is None or point[0] <= max([effect_at, *known]):
        return Sample(now, None, Mark.NO_DATA)
    return Sample(point[0], point[1], mark(prediction, point[1]))


def _stored(execution: Execution) -> list[Sample]:
    return [Sample(at, value, Mark(how)) for at, value, how in execution.samples]


def _judge(execution: Execution, prediction: Prediction, samples: list[Sample]) -> Judgement | None:
    if execution.effect_at is None:
        return None
    return judge(
        prediction,
        samples,
        effect_at=execution.effect_at.timestamp(),
        now=clock.now().timestamp(),
        settle_s=spec_of(execution.plan.action).settle_s,
    )
