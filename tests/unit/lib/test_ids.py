"""UUIDv7 keys."""

import threading
import time
from uuid import UUID

import pytest

from airra.lib.ids import uuid7


def test_version_and_variant_are_those_of_rfc_9562() -> None:
    for _ in range(200):
        made = uuid7()
        assert made.version == 7
        assert made.variant == "specified in RFC 4122"


def test_the_first_48_bits_are_the_present_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid7().int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_keys_are_distinct() -> None:
    assert len({uuid7() for _ in range(5_000)}) == 5_000


def test_keys_of_one_thread_stand_in_the_order_they_were_made() -> None:
    made = [uuid7() for _ in range(5_000)]
    assert made == sorted(made)


def test_threads_share_one_order() -> None:
    made: list[list[UUID]] = [[] for _ in range(4)]

    def make(mine: list[UUID]) -> None:
        mine.extend(uuid7() for _ in range(2_000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    assert len({key for mine in made for key in mine}) == 8_000


def test_a_clock_set_back_is_believed_but_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now)
    first = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: now - 500_000_000)
    assert uuid7() > first
    monkeypatch.setattr(time, "time_ns", lambda: now - 3_600_000_000_000)
    assert uuid7() < first
