"""The text of a chain: canonical by RFC 8785, stable, and salted where it must not speak."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from airra.lib import hashchain

TEXTS = st.text(st.characters(codec="utf-16", categories=None), max_size=12) | st.sampled_from(
    ["\u2028", "\x7f", "\x1f\b\f\n\r\t", '"\\/', "\ufb33", "\U0001f600", "\ud800", "\x00"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
)


@given(VALUES)
def test_both_ways_of_writing_say_what_the_standard_does(value: Any) -> None:
    plain = hashchain.plain(value)
    assert hashchain.plain(plain) == plain
    assert hashchain.canonical(value) == rfc8785.dumps(plain)
    json.loads(hashchain.canonical(value))


@given(VALUES)
def test_what_json_storage_gives_back_is_written_the_same(value: Any) -> None:
    stored = json.loads(json.dumps(hashchain.plain(value)))
    assert hashchain.canonical(stored) == hashchain.canonical(value)


def test_the_standards_own_example() -> None:
    """RFC 8785, section 3.2.3: keys sort by UTF-16, and the escapes are the shortest."""
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    keys = list(json.loads(hashchain.canonical(value)))
    assert keys == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@given(TEXTS)
def test_a_digest_needs_its_salt(text: str) -> None:
    assert hashchain.digest(text, "aa") != hashchain.digest(text, "ab")
    assert hashchain.digest(text, "aa") == hashchain.digest(text, "aa")


def test_a_link_depends_on_all_three() -> None:
    link = hashchain.link_hash(2, "a" * 64, "b" * 64)
    others = {
        hashchain.link_hash(3, "a" * 64, "b" * 64),
        hashchain.link_hash(2, "c" * 64, "b" * 64),
        hashchain.link_hash(2, "a" * 64, "c" * 64),
    }
    assert link not in others
    assert len(others) == 3
    assert hashchain.genesis("one") != hashchain.genesis("two")


def test_a_value_without_its_salt_is_an_error() -> None:
    with pytest.raises(KeyError):
        hashchain.body_of({}, {"actor": "ana"}, {})
