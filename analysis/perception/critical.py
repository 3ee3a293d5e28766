"""Where requests spend their time: what is left of each span when its calls are taken out."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from analysis.perception.spans import calls_below, children_of, covered_s, distinct
from analysis.types import Span


@dataclass(frozen=True)
class Step:
    """One operation of a service over the traces looked at. Times are mean seconds a call."""

    service: str
    operation: str
    calls: int
    errors: int
    own_s: float
    whole_s: float


def steps(spans: Iterable[Span], *, only: str = "") -> list[Step]:
    """Operations by the time that is their own, most in all first.

    `only` "slow" keeps the slowest tenth of the traces (three at least), "error" those with an
    error; times of spans in seconds. A client span without an answer in the trace counts as its
    own: nobody else tells where its time went.
    """
    found = distinct(spans)
    kept = _kept(found.values(), only)
    children = children_of(found)
    own: dict[tuple[str, str], list[tuple[float, float, bool]]] = defaultdict(list)
    for span in found.values():
        if span.trace_id not in kept:
            continue
        below = children.get(f"{span.trace_id}/{span.span_id}", [])
        waited = covered_s(span, calls_below(span, children) if span.kind != "client" else below)
        key = span.service, span.operation or span.peer
        own[key].append((max(span.duration_s - waited, 0.0), span.duration_s, span.is_error))
    made = [
        Step(
            service=service,
            operation=operation,
            calls=len(seen),
            errors=sum(is_error for _, _, is_error in seen),
            own_s=sum(mine for mine, _, _ in seen) / len(seen),
            whole_s=sum(whole for _, whole, _ in seen) / len(seen),
        )
        for (service, operation), seen in own.items()
    ]
    return sorted(made, key=lambda s: (-s.own_s * s.calls, s.service, s.operation))


def _kept(spans: Iterable[Span], only: str) -> set[str]:
    longest: dict[str, float] = defaultdict(float)
    failing = set()
    for span in spans:
        longest[span.trace_id] = max(longest[span.trace_id], span.duration_s)
        if span.is_error:
            failing.add(span.trace_id)
    if only == "error":
        return failing
    ranked = sorted(longest, key=lambda trace: (-longest[trace], trace))
    return set(ranked[: max(3, len(ranked) // 10)]) if only == "slow" else set(ranked)
