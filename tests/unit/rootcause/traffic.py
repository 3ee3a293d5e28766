"""Traces of a small shop, made up call by call, before and during an incident at second 0."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from analysis.types import Case, CaseLog, CaseSpan

ONSET = 0.0
BEFORE = [-600.0 + 20 * i for i in range(24)]
DURING = [10.0 + 5 * i for i in range(8)]


@dataclass
class Call:
    """One visit: the client span of its caller, its server span, its logs and its own calls."""

    service: str
    operation: str
    own_s: float = 0.010
    gap_s: float = 0.002
    calls: list["Call"] = field(default_factory=list)
    logs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return self.own_s + sum(call.gap_s + call.duration_s for call in self.calls)


def shop(*, gap_s: float = 0.002, own_s: float = 0.010) -> Call:
    """The front calls stock and then pay; pay calls bank. The parameters are those of pay."""
    bank = Call("bank", "charge", logs=[("INFO", "b.Ledger#10 booked 17")])
    pay = Call("pay", "pay", own_s, gap_s, [bank], [("INFO", "p.Pay#31 taking 17 from 4")])
    stock = Call("stock", "find", logs=[("INFO", "s.Stock#7 found 3")])
    return Call("front", "order", calls=[stock, pay], logs=[("INFO", "f.Front#20 ordered 3")])


def traced(call: Call, at: float, trace: str) -> tuple[list[CaseSpan], list[CaseLog]]:
    spans: list[CaseSpan] = []
    logs: list[CaseLog] = []
    _walk(call, at, trace, "", spans, logs)
    return spans, logs


def _walk(  # one recursive walk builds both
    call: Call, at: float, trace: str, parent: str, spans: list[CaseSpan], logs: list[CaseLog]
) -> None:
    own = f"{trace}.{len(spans)}"
    spans.append(CaseSpan(trace, own, parent, call.service, call.operation, at, call.duration_s))
    logs += [CaseLog(at, call.service, level, text, trace, own) for level, text in call.logs]
    clock = at + call.own_s / 2
    for child in call.calls:
        client = f"{trace}.{len(spans)}"
        took = child.gap_s + child.duration_s
        spans.append(CaseSpan(trace, client, own, call.service, "POST", clock, took))
        _walk(child, clock + child.gap_s / 2, trace, client, spans, logs)
        clock += took


def case(
    before: Callable[[int], Call],
    during: Callable[[int], Call],
    *,
    times: Iterable[float] = (*BEFORE, *DURING),
    candidates: Iterable[str] = ("front", "stock", "pay", "bank"),
) -> Case:
    """A case whose trace number i is `before(i)` or `during(i)`, whichever its time is in."""
    spans: list[CaseSpan] = []
    logs: list[CaseLog] = []
    for i, at in enumerate(times):
        more_spans, more_logs = traced((during if at >= ONSET else before)(i), at, f"t{i}")
        spans += more_spans
        logs += more_logs
    return Case(
        id="made-up",
        candidates=tuple(candidates),
        started_at=ONSET + 60,
        window=(ONSET, ONSET + 270),
        trace_baseline=(-700.0, ONSET),
        spans=spans,
        logs=logs,
    )


def all_calls(call: Call) -> Iterator[Call]:
    yield call
    for child in call.calls:
        yield from all_calls(child)


def renamed(given: Case, name: Callable[[str], str]) -> Case:
    """The same case with every service called something else."""
    return replace(
        given,
        candidates=tuple(name(c) for c in given.candidates),
        spans=[replace(s, service=name(s.service)) for s in given.spans],
        logs=[replace(entry, service=name(entry.service)) for entry in given.logs],
    )
