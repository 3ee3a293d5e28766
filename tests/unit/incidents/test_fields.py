"""Reading an untrusted document: depth, times, facts and words, at their edges."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.ingest.alerts import Malformed
from incidents.ingest.fields import MAX_DEPTH, MAX_FACT, Field, decode

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_so_many_levels_are_read_and_one_more_is_not(opening: str) -> None:
    def nested(depth: int) -> str:
        closing = "]" if opening == "[" else "}"
        return opening * depth + "1" + closing * depth

    assert decode(nested(MAX_DEPTH))
    with pytest.raises(Malformed, match=f"at most {MAX_DEPTH} levels"):
        decode(nested(MAX_DEPTH + 1))


def test_many_members_are_no_depth() -> None:
    assert len(decode(json.dumps([[{}] * 10] * 1000))) == 1000


@pytest.mark.parametrize(
    "told",
    [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000+0000",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01t12:00:00z",
        "2026-03-01T12:00:00+00:00Z",
        1772366400,
        1772366400.0,
        1772366400000,
        "1772366400",
        "1772366400000",
        " 1772366400.000 ",
    ],
)
def test_one_moment_may_be_written_in_many_ways(told: object) -> None:
    assert Field("at", told).moment_or_unix() == NOON


@pytest.mark.parametrize(
    "told", ["12", "99999999", "12345678901234567", "²" * 10, "-1772366400", "1772366400s", True]
)
def test_what_only_looks_like_a_moment_is_refused(told: object) -> None:
    with pytest.raises(Malformed, match="at: expected a t"):
        Field("at", told).moment_or_unix()


def test_a_leap_second_belongs_to_its_minute() -> None:
    assert Field("at", "2016-12-31T23:59:60Z").moment() == datetime(
        2016, 12, 31, 23, 59, 59, tzinfo=UTC
    )


def test_seconds_are_no_moment_where_only_a_date_is_one() -> None:
    with pytest.raises(Malformed):
        Field("at", 1772366400).moment()


def test_facts_keep_whatever_is_told_as_text() -> None:
    told: dict[str, Any] = {"a": "x", "b": 1.5, "c": True, "d": {"e": [None]}, "f": None, "g": []}
    facts = Field("details", told).facts()
    assert facts == {"a": "x", "b": "1.5", "c": "true", "d": '{"e": [null]}', "g": "[]"}
    assert len(Field("", {"long": "x" * 9999}).facts()["long"]) == MAX_FACT
    assert Field("", {"\x00": "\ud800"}).facts() == {"\N{REPLACEMENT CHARACTER}": "?"}
    for nothing in (None, "text", 5, ["a"]):
        assert Field("", nothing).facts() == {}


def test_a_label_that_is_null_is_left_out_and_one_that_is_a_list_is_refused() -> None:
    assert Field("labels", {"a": None, "b": 1, "c": ""}).words() == {"b": "1", "c": ""}
    with pytest.raises(Malformed) as caught:
        Field("labels", {"a": []}).words()
    assert caught.value.field == "labels.a"
