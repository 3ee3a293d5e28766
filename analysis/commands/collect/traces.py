"""Traces: calls before and during, or where the slow and failing ones spend their time."""

from collections.abc import Sequence

from analysis.commands.collect.reading import Reading
from analysis.commands.collect.scope import BEFORE_S, Scope
from analysis.models import Connector
from analysis.perception import critical, spans
from analysis.queries.sources import open_traces
from analysis.reasoning.toolbox import GetTraces
from analysis.types import Edge, EvidenceStatus, Span

_KIND = Connector.Kind
KINDS = (_KIND.JAEGER, _KIND.TEMPO, _KIND.OTLP)
_TRACES = 100
_STEPS = 25
_OPERATION = 80


def get_traces(scope: Scope, asked: GetTraces) -> Reading:
    """The edges seen in traces through a service, compared; in the other modes also the steps."""
    connector = scope.connector(*KINDS)
    of = asked.service or scope.ctx.service
    source, split = open_traces(connector), scope.split
    start = split - BEFORE_S
    before = source.spans(of, start=start, end=split, limit=_TRACES)
    during = source.spans(of, start=split, end=scope.end, limit=_TRACES)
    found = spans.compare([*before, *during], split=split)
    slower = [e for e in found if e.latency_during_s > 2 * e.latency_before_s > 0]
    failing = [e for e in found if e.error_share_during > e.error_share_before + 0.05]
    steps = [] if asked.mode == "diff" else critical.steps(during, only=asked.mode)
    return Reading(
        source=connector.name,
        native_query=f"traces through {of}",
        window=(start, scope.end),
        summary=f"traces through {of}: {len(failing)} of {len(found)} calls fail more often, "
        f"{len(slower)} take more than twice as long",
        facts=found,
        rows=[*(_step_row(step) for step in steps[:_STEPS]), *(_edge_row(edge) for edge in found)],
        status=EvidenceStatus.OK if found else EvidenceStatus.NO_DATA,
        coverage=_balance(before, during),
        raw=[before, during],
        is_truncated=len(steps) > _STEPS,
    )


def _balance(before: Sequence[Span], during: Sequence[Span]) -> float:
    """1 with traces on both sides; a half with one, for then nothing can be compared."""
    return 0.5 * bool(before) + 0.5 * bool(during)


def _step_row(step: critical.Step) -> str:
    return (
        f"{step.service} {step.operation[:_OPERATION]}: {step.calls} calls, {step.errors} fail, "
        f"own time {step.own_s:.3f} of {step.whole_s:.3f} s"
    )


def _edge_row(edge: Edge) -> str:
    return (
        f"{edge.src} -> {edge.dst}: {edge.calls_before} then {edge.calls_during} calls in the "
        f"sample, errors {edge.error_share_before:.0%} then {edge.error_share_during:.0%}, "
        f"latency {edge.latency_before_s:.3f} then {edge.latency_during_s:.3f} s, own time of "
        f"{edge.dst} {edge.self_before_s:.3f} then {edge.self_during_s:.3f} s"
    )
