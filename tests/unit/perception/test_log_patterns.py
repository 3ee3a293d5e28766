"""Templates, and which of them are new or surge."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.perception.log_patterns import spikes
from analysis.perception.log_templates import WILD, Miner, masked
from analysis.types import LogLine


def lines(text: str, count: int, *, start: float, level: str = "info") -> list[LogLine]:
    return [LogLine(start + i, "payments", "p-1", level, text.format(i=i)) for i in range(count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("took 12.5 ms", "took <num> ms"),
        ("from 10.0.0.1:8080", "from <ip>"),
        ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id <uuid> gone"),
        ("commit 9f86d081884c", "commit <hex>"),
        ("at 2026-01-31T10:00:00.123Z", "at <time>"),
        ("addr 0xDEADBEEF", "addr <hex>"),
        ("deadbeef added", "deadbeef added"),
        ("http2 and v2", "http2 and v2"),
    ],
)
def test_what_varies_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


def test_lines_of_one_kind_share_a_template() -> None:
    miner = Miner()
    first = miner.add("session opened for anna from 10.0.0.1")
    second = miner.add("session opened for ben from 10.0.0.2")
    assert first is second
    assert first.text == f"session opened for {WILD} from <ip>"


def test_different_lines_do_not() -> None:
    miner = Miner()
    assert miner.add("cache miss on shard 4") is not miner.add("disk write failed with errno 28")


@given(st.text(max_size=200))
def test_any_text_has_a_template(text: str) -> None:
    miner = Miner()
    assert miner.add(text) is miner.add(text)


def test_a_new_template_is_told_from_the_usual_ones() -> None:
    usual = lines("charged {i} EUR", 120, start=0)
    new = lines("write failed: errno 28 on file-{i}", 10, start=70, level="error")
    (found,) = spikes([*usual, *new], split=60, before_s=60, during_s=60)
    assert found.is_new
    assert (found.entity, found.level, found.count) == ("payments", "error", 10)
    assert found.template == "write failed: errno <num> on file-<num>"
    assert found.first_seen == 70
    assert found.baseline == 0


def test_a_surge_is_measured_against_the_rate_before() -> None:
    before = lines("retrying {i}", 10, start=0)
    during = lines("retrying {i}", 40, start=100, level="warn")
    (found,) = spikes([*before, *during], split=100, before_s=100, during_s=50)
    assert not found.is_new
    assert found.baseline == 5
    assert found.count == 40


def test_twice_as_much_is_no_surge_and_two_lines_are_nothing_new() -> None:
    before = lines("retrying {i}", 20, start=0)
    during = [*lines("retrying {i}", 40, start=100), *lines("odd one out", 2, start=100)]
    assert spikes([*before, *during], split=100, before_s=100, during_s=100) == []


def test_without_a_baseline_nothing_can_be_new() -> None:
    assert spikes(lines("hello", 2, start=10), split=5, before_s=0, during_s=60) == []


def test_errors_come_before_information() -> None:
    found = spikes(
        [
            *lines("new but harmless {i}", 90, start=10),
            *lines("new and bad {i} times", 5, start=10, level="error"),
        ],
        split=5,
        before_s=60,
        during_s=60,
    )
    assert [spike.level for spike in found] == ["error", "info"]


def test_services_have_their_own_templates() -> None:
    mine = lines("did {i}", 5, start=0)
    other = [LogLine(70 + i, "search", "", "info", f"did {i}") for i in range(5)]
    (found,) = spikes([*mine, *other], split=60, before_s=60, during_s=60)
    assert (found.entity, found.is_new) == ("search", True)


def test_a_full_miner_puts_what_it_does_not_know_into_one_catch_all() -> None:
    miner = Miner(capacity=2)
    known = miner.add("cache miss on shard 4")
    miner.add("disk write failed")
    other = miner.add("something else altogether now")
    assert other is miner.add("and one more that is new")
    assert other.text == WILD
    assert miner.add("cache miss on shard 9") is known


NAMES = [first + second for first in "abcdefgh" for second in "abcdefghijklmnopqrst"]


def test_where_first_words_vary_without_end_they_meet_in_one_leaf() -> None:
    miner = Miner()
    assert len({id(miner.add(f"{name} signed in today")) for name in NAMES}) == 101


def test_a_template_whose_first_word_became_a_wildcard_is_found_after_a_restart() -> None:
    miner = Miner()
    general = miner.add("first signed in today")
    for name in NAMES:
        general = miner.add(f"{name} signed in today")
    assert general.text == f"{WILD} signed in today"
    again = Miner()
    assert again.restore(general.text) is again.add("zoe signed in today")
