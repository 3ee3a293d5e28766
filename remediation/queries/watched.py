"""What an execution's page shows beside the alerting metric: guards and untouched services."""

from dataclasses import dataclass

from airra.lib import svg
from remediation.execution.marks import Course, Line, Mark, Sample
from remediation.models import Execution
from remediation.types import Prediction, Watched

_WORDS = {
    Mark.GOOD: "no worse",
    Mark.UNCLEAR: "a little worse",
    Mark.WORSE: "worse",
    Mark.NO_DATA: "no data",
}


@dataclass(frozen=True)
class WatchedRow:
    """One metric: how its newest sample stands, and its course with the limit of harm."""

    title: str
    is_guard: bool
    word: str
    is_bad: bool
    spark: svg.Sparkline | None


def watched_rows(execution: Execution, prediction: Prediction | None) -> list[WatchedRow]:
    """Guards first, then untouched services; only those that have been read."""
    if prediction is None or execution.effect_at is None:
        return []
    effect_at = execution.effect_at.timestamp()
    guards, peers = _read(execution, prediction.guards), _read(execution, prediction.peers)
    return [
        *(_row(execution, guard, effect_at, is_guard=True) for guard in guards),
        *(_row(execution, peer, effect_at, is_guard=False) for peer in peers),
    ]


def _read(execution: Execution, metrics: tuple[Watched, ...]) -> list[Watched]:
    return [metric for metric in metrics if execution.readings.get(metric.key)]


def _row(execution: Execution, metric: Watched, effect_at: float, *, is_guard: bool) -> WatchedRow:
    told = execution.readings[metric.key]
    since = tuple(Sample(at, value) for at, value, _ in told["since"])
    line = Line.of_watched(metric, Course(tuple(told["before"]), since), effect_at)
    mark = line.mark(since[-1].value) if since else Mark.NO_DATA
    values = [sample.value for sample in since if sample.value is not None]
    return WatchedRow(
        title=metric.key,
        is_guard=is_guard,
        word=_WORDS[mark],
        is_bad=is_guard and mark is Mark.WORSE,
        spark=svg.sparkline(values, threshold=line.limit, width=96, height=24),
    )
