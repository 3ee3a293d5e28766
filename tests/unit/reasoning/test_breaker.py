"""A provider that fails again and again is left alone for a minute, then tried by one."""

import pytest

from analysis.reasoning.reasoners.breaker import FAILURES, WINDOW_S, Breaker, Breakers


@pytest.fixture
def time() -> list[float]:
    return [0.0]


@pytest.fixture
def breaker(time: list[float]) -> Breaker:
    return Breaker(lambda: time[0])


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_opens_at_the_fifth_failure_within_a_minute(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert breaker.admits()
    fail(breaker, 1)
    assert not breaker.admits()


def test_failures_longer_ago_do_not_count(breaker: Breaker, time: list[float]) -> None:
    fail(breaker, FAILURES - 1)
    time[0] = WINDOW_S
    fail(breaker, 1)
    assert breaker.admits()


def test_a_success_between_begins_anew(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.succeeded()
    fail(breaker, 1)
    assert breaker.admits()


def test_after_a_minute_one_tries_and_the_others_wait(breaker: Breaker, time: list[float]) -> None:
    fail(breaker, FAILURES)
    time[0] = WINDOW_S - 1
    assert not breaker.admits()
    time[0] = WINDOW_S
    assert breaker.admits()
    assert not breaker.admits()
    breaker.succeeded()
    assert breaker.admits()


def test_a_probe_that_fails_opens_it_again(breaker: Breaker, time: list[float]) -> None:
    fail(breaker, FAILURES)
    time[0] = WINDOW_S
    assert breaker.admits()
    fail(breaker, 1)
    time[0] += WINDOW_S - 1
    assert not breaker.admits()
    time[0] += 1
    assert breaker.admits()


def test_each_provider_has_its_own(time: list[float]) -> None:
    all_of_them = Breakers(lambda: time[0])
    fail(all_of_them.of("one"), FAILURES)
    assert not all_of_them.of("one").admits()
    assert all_of_them.of("two").admits()
