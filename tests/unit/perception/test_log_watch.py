"""What the memory of a service's log finds: new, surging, stopped; and what it must not."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.perception.count_tails import chance_per_look
from analysis.perception.log_counts import LOOK_S, PER_HOUR, Counts, Whole
from analysis.perception.log_watch import Sensitivity, ServiceLog
from analysis.types import LogLine, SignalFinding, Trouble

HOW = Sensitivity()
LEARNT = 60
PerLook = Callable[[int], Sequence[LogLine]]


def book() -> ServiceLog:
    numbers = itertools.count()
    return ServiceLog("payments", 0, lambda: str(next(numbers)))


def lines(text: str, look: int, count: int, level: str = "info") -> list[LogLine]:
    return [
        LogLine(
            (look + (i + 0.5) / count) * LOOK_S, "payments", "p-1", level, text.format(i=i), "t"
        )
        for i in range(count)
    ]


def usual(look: int) -> list[LogLine]:
    return [
        *lines("charged {i} EUR", look, 20),
        *lines("retry of bank call", look, look % 2, "error"),
    ]


def feed(
    log: ServiceLog, per_look: PerLook, *, first: int = 0, end: int = LEARNT, is_whole: bool = True
) -> ServiceLog:
    for look in range(first, end):
        whole_from = look if is_whole else look + 1
        log.take(per_look(look), first=look, end=look + 1, whole_from=whole_from, how=HOW)
    return log


def learnt(per_look: PerLook = usual) -> ServiceLog:
    return feed(book(), per_look)


def also(text: str, count: int, level: str) -> PerLook:
    return lambda look: [*usual(look), *lines(text, look, count, level)]


def then(per_look: PerLook, *, looks: int = 1, is_whole: bool = True) -> list[SignalFinding]:
    log = learnt()
    return feed(log, per_look, first=LEARNT, end=LEARNT + looks, is_whole=is_whole).findings(HOW)


def test_what_always_comes_is_nothing() -> None:
    assert learnt().findings(HOW) == []


def test_nothing_is_new_while_the_service_is_learnt() -> None:
    log = feed(book(), usual, end=20)
    assert feed(log, also("never seen", 9, "error"), first=20, end=21).findings(HOW) == []


def test_an_error_never_seen_before_may_open_an_incident() -> None:
    (found,) = then(also("bank answered nonsense {i}", 4, "error"))
    assert found.kind is Trouble.NEW_TEMPLATE
    assert found.details["may_open"] is True
    assert found.details["template"] == "bank answered nonsense <num>"
    assert (found.details["level"], found.details["count"]) == ("error", 4)
    assert found.details["trace_ids"] == ["t"]
    assert found.started_at == pytest.approx((LEARNT + 0.125) * LOOK_S)
    assert (found.value, found.expected) == (8.0, 0.0)  # a minute


def test_two_odd_lines_are_no_news() -> None:
    assert then(also("odd one", 2, "error")) == []


def test_a_harmless_new_line_is_nothing_before_the_service_is_known_for_hours() -> None:
    assert then(also("now in version 7", 9, "info")) == []
    log = feed(book(), usual, end=6 * PER_HOUR + 1)
    first = 6 * PER_HOUR + 1
    (found,) = feed(log, also("now in version 7", 9, "info"), first=first, end=first + 1).findings(
        HOW
    )
    assert found.kind is Trouble.NEW_TEMPLATE
    assert found.details["may_open"] is False


def test_a_line_without_a_level_is_an_error_by_its_words() -> None:
    (found,) = then(also("could not charge: timeout error", 4, ""))
    assert found.details["may_open"] is True
    assert then(also("charging went well", 4, "")) == []


def test_a_service_that_has_new_errors_every_hour_says_little_with_one_more() -> None:
    hour = iter(range(10**6))
    words = ["alpha", "beta", "gamma", "delta", "omega", "kappa", "sigma", "theta", "iota", "zeta"]

    def noisy(look: int) -> Sequence[LogLine]:
        if look >= LEARNT and look % PER_HOUR == 0:
            return [*usual(look), *lines(f"{words[next(hour)]} went wrong", look, 4, "error")]
        return usual(look)

    log = feed(book(), noisy, end=10 * PER_HOUR + 1)
    (found,) = (f for f in log.findings(HOW) if f.kind is Trouble.NEW_TEMPLATE)
    assert found.details["may_open"] is False


def test_a_new_template_is_over_when_it_no_longer_comes() -> None:
    log = feed(learnt(), also("bank fell over", 4, "error"), first=LEARNT, end=LEARNT + 2)
    assert log.findings(HOW)
    assert feed(log, usual, first=LEARNT + 2, end=LEARNT + 13).findings(HOW) == []


def test_what_is_new_for_an_hour_is_the_usual() -> None:
    log = feed(learnt(), also("bank fell over", 4, "error"), first=LEARNT, end=LEARNT + 200)
    assert log.findings(HOW) == []


def test_a_surge_of_errors_may_open_and_one_of_information_may_not() -> None:
    (found,) = then(also("retry of bank call", 30, "error"))
    assert found.kind is Trouble.TEMPLATE_SURGE
    assert found.details["may_open"] is True
    assert found.p_value is not None
    assert found.p_value < 1e-6
    assert found.value > found.high > found.expected
    (traffic,) = then(also("charged {i} EUR", 200, "info"))
    assert traffic.details["may_open"] is False


def test_twice_a_little_is_no_surge() -> None:
    assert then(also("retry of bank call", 3, "error")) == []


def test_a_surge_that_stays_becomes_the_usual() -> None:
    log = feed(learnt(), also("retry of bank call", 30, "error"), first=LEARNT, end=LEARNT + 20)
    assert log.findings(HOW)
    feed(log, also("retry of bank call", 30, "error"), first=LEARNT + 20, end=LEARNT + 140)
    assert log.findings(HOW) == []


def test_the_end_of_a_surge_ends_it_and_the_usual_has_not_moved() -> None:
    log = feed(learnt(), also("retry of bank call", 30, "error"), first=LEARNT, end=LEARNT + 10)
    feed(log, usual, first=LEARNT + 10, end=LEARNT + 16)
    assert log.findings(HOW) == []
    again = feed(log, also("retry of bank call", 30, "error"), first=LEARNT + 16, end=LEARNT + 17)
    assert [f.kind for f in again.findings(HOW)] == [Trouble.TEMPLATE_SURGE]


def test_what_came_at_this_hour_on_two_days_is_no_surge_on_the_third() -> None:
    def daily(look: int) -> Sequence[LogLine]:
        is_batch = look // PER_HOUR % 24 == 3
        return lines("batch row {i} failed", look, 20 if is_batch else 1, "error")

    log = feed(book(), daily, end=27 * PER_HOUR + 2)
    assert log.findings(HOW)  # once may have been trouble
    feed(log, daily, first=27 * PER_HOUR + 2, end=51 * PER_HOUR + 2)
    assert log.findings(HOW) == []


def test_messages_that_stop_are_evidence_only_and_told_once() -> None:
    (found,) = then(lambda _: [], looks=6)
    assert (found.kind, found.direction) == (Trouble.MISSING, "down")
    assert found.details["may_open"] is False
    assert found.details["templates"] == ["charged <num> EUR"]


@pytest.mark.parametrize("flood", [0, 2000])
def test_a_read_that_was_cut_is_neither_surge_nor_drop_nor_new(flood: int) -> None:
    """Whatever a limit left over of a look, much or nothing."""

    def cut(look: int) -> Sequence[LogLine]:
        return [
            *lines("retry of bank call", look, flood, "error"),
            *lines("never seen", look, min(flood, 50), "error"),
        ]

    assert then(cut, looks=20, is_whole=False) == []


def test_after_a_cut_read_what_is_read_wholly_counts_again() -> None:
    log = feed(learnt(), usual, first=LEARNT, end=LEARNT + 20, is_whole=False)
    feed(log, also("retry of bank call", 30, "error"), first=LEARNT + 20, end=LEARNT + 21)
    assert [f.kind for f in log.findings(HOW)] == [Trouble.TEMPLATE_SURGE]


def test_looks_come_in_order_and_each_once() -> None:
    whole = Whole([[0, 5]])
    with pytest.raises(ValueError, match="look 4 was read before"):
        whole.add(4)
    whole.add(9)
    assert (whole.ranges, whole.within(3, 11), whole.between(3, 11)) == (
        [[0, 5], [9, 10]],
        [3, 4, 9],
        3,
    )


MESSAGES = (
    "charged {} EUR",
    "retry of bank call",
    "order {} placed by {}",
    "cache miss",
    "boom {}",
)


def state_of(log: ServiceLog) -> list[tuple[str, int, dict[int, int], bool]]:
    return [(k.template.text, k.total, k.counts.recent, k.was_new) for k in log.known.values()]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 49), st.sampled_from(MESSAGES)), max_size=200),
    st.integers(1, 49),
)
def test_lines_in_two_batches_or_in_one_are_counted_the_same(
    drawn: list[tuple[int, str]], split: int
) -> None:
    made = [
        LogLine((look + 0.5) * LOOK_S, "payments", "p", "error", text.format(n, n))
        for n, (look, text) in enumerate(sorted(drawn))
    ]
    at_once, in_two = book(), book()
    at_once.take(made, first=0, end=50, whole_from=0, how=HOW)
    before = [line for line in made if line.at < split * LOOK_S]
    in_two.take(before, first=0, end=split, whole_from=0, how=HOW)
    in_two.take([m for m in made if m not in before], first=split, end=50, whole_from=0, how=HOW)
    assert state_of(at_once) == state_of(in_two)
    assert at_once.findings(HOW) == in_two.findings(HOW)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(MESSAGES)), max_size=60))
def test_a_memory_stored_and_restored_is_the_same(drawn: list[tuple[int, str]]) -> None:
    made = [
        LogLine((look + 0.5) * LOOK_S, "payments", "p", "error", text.format(n, n))
        for n, (look, text) in enumerate(sorted(drawn))
    ]
    log = book()
    log.take(made, first=0, end=21, whole_from=0, how=HOW)
    again = replace(book(), whole=Whole(log.whole.ranges), births=log.births)
    for known in log.known.values():
        again.restore(
            known.template.text,
            id=known.id,
            level=known.level,
            first_seen=known.first_seen,
            last_seen=known.last_seen,
            was_new=known.was_new,
            total=known.total,
            counts=Counts.from_json(known.counts.to_json()),
        )
    again.new_id = log.new_id
    more = [replace(line, at=line.at + 21 * LOOK_S) for line in made]
    for each in (log, again):
        each.take(more, first=21, end=42, whole_from=21, how=HOW)
    assert state_of(again) == state_of(log)


def alarms(counts: Sequence[int], *, alarms_per_week: float) -> int:
    """Surges that begin, of a template that comes so often look after look."""
    chance = chance_per_look(alarms_per_week, LOOK_S)
    own, whole, found = Counts(), Whole(), 0
    for look, count in enumerate(counts):
        own.recent[look] = count
        usual = own.baseline(whole, look=look, since=0)
        if usual and usual.is_surge(count, chance, HOW.least):
            found += not own.run(look)
            own.mark(look)
        whole.add(look)
    return found


@pytest.mark.parametrize("mean", [2.0, 10.0, 50.0])
@pytest.mark.parametrize("scatter", [1.0, 4.0])
def test_false_alarms_stay_below_the_knob(scatter: float, mean: float) -> None:
    """Four days of traffic without trouble, steady and bursty, at a sensitive setting."""
    rng, looks, accepted = np.random.default_rng(5), 4 * 2880, 50.0
    if scatter == 1.0:
        counts = rng.poisson(mean, looks)
    else:
        counts = rng.negative_binomial(mean / (scatter - 1), 1 / scatter, looks)
    found = alarms(counts.tolist(), alarms_per_week=accepted)
    assert found <= 1.5 * accepted * 4 / 7


def test_the_least_departure_is_the_operators() -> None:
    log = learnt()
    feed(log, also("retry of bank call", 30, "error"), first=LEARNT, end=LEARNT + 1)
    calm = Sensitivity(floor=100)
    quiet = book()
    for look in range(LEARNT + 1):
        rows = also("retry of bank call", 30 if look == LEARNT else 0, "error")(look)
        quiet.take(rows, first=look, end=look + 1, whole_from=look, how=calm)
    assert log.findings(HOW)
    assert quiet.findings(calm) == []
