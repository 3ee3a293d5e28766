"""What the memory of a service's log finds: new, surging, stopped; and what it must not."""

import itertools
from collections.abc import Callable, Sequence

import pytest

from analysis.perception.log_counts import LOOK_S
from analysis.perception.log_watch import Sensitivity, ServiceLog
from analysis.types import LogLine, Trouble

HOW = Sensitivity()
LEARNT = 40
Level = str


def book() -> ServiceLog:
    numbers = itertools.count()
    return ServiceLog("payments", 0, lambda: str(next(numbers)))


def lines(text: str, look: int, count: int, level: Level = "info") -> list[LogLine]:
    return [
        LogLine(
            (look + (i + 0.5) / count) * LOOK_S, "payments", "p-1", level, text.format(i=i), "t"
        )
        for i in range(count)
    ]


def usual(look: int) -> list[LogLine]:
    return [*lines("charged {i} EUR", look, 20), *lines("retry of bank call", look, 1, "error")]


def learnt(log: ServiceLog, per_look: Callable[[int], Sequence[LogLine]] = usual) -> ServiceLog:
    for look in range(LEARNT):
        log.take(per_look(look), first=look, end=look + 1, whole_from=look, how=HOW)
    return log


def test_what_always_comes_is_nothing() -> None:
    assert learnt(book()).findings(HOW) == []


def test_an_error_never_seen_before_may_open_an_incident() -> None:
    log = learnt(book())
    new = lines("bank answered nonsense {i}", LEARNT, 4, "error")
    log.take([*usual(LEARNT), *new], first=LEARNT, end=LEARNT + 1, whole_from=LEARNT, how=HOW)
    (found,) = log.findings(HOW)
    assert found.kind is Trouble.NEW_TEMPLATE
    assert found.details["may_open"] is True
    assert found.details["template"] == "bank answered nonsense <num>"
    assert found.details["count"] == 4
    assert found.details["trace_ids"] == ["t"]
    assert found.started_at == pytest.approx(new[0].at)
