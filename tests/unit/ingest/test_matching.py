"""Matchers: what they hold for, what they refuse, and that no pattern can be made slow."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest import patterns
from incidents.ingest.matching import BadMatcher, Op, all_hold, as_lines, matcher, read_lines

LABELS = {"service": "payments", "host": "db-12.eu", "n": "1|2"}


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("service = payments", True),
        ("service=payment", False),
        ("service != search", True),
        ("service != payments", False),
        ("host =~ db-.*", True),
        ("host =~ db", False),
        ("host =~ web-.*|db-[0-9]+\\.eu", True),
        ("host !~ web-.*", True),
        ("host !~ db-.*", False),
        ("region = ", True),
        ("region != ", False),
        ("region =~ .+", False),
        ("n = 1|2", True),
        ("n =~ 1|2", False),
        ("n =~ 1\\|2", True),
        ('service = "payments"', True),  # as Alertmanager and PromQL write it
        ('host =~ "db-.*"', True),
        ('region = ""', True),
    ],
)
def test_a_matcher_holds_for_the_whole_value(line: str, *, holds: bool) -> None:
    assert all_hold(read_lines(line), LABELS) is holds


def test_all_lines_have_to_hold() -> None:
    assert all_hold(read_lines("service = payments\n\nhost =~ db.*"), LABELS)
    assert not all_hold(read_lines("service = payments\nhost =~ web.*"), LABELS)


def test_the_leftmost_operator_of_a_line_counts() -> None:
    (read,) = read_lines("url = a!=b=~c")
    assert (read.label, read.op, read.value) == ("url", Op.IS, "a!=b=~c")
    assert read_lines(as_lines([read])) == (read,)


@pytest.mark.parametrize(
    "value", ['"quoted"', "= b", "a, b = c", " spaced ", '"', "", "a,b", "x = y", 'say "hi"']
)
def test_any_value_can_be_written_and_read_again(value: str) -> None:
    made = matcher("url", "=", value)
    assert read_lines(as_lines([made])) == (made,)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("payments", "holds none of"),
        ("= payments", "a label has"),
        ("host =~ (a+)+", "not understood here"),
        ("host =~ a{9}", "not understood here"),
        ("host =~ *a", "nothing to repeat"),
        ("host =~ a**", "nothing to repeat"),
        ("host =~ [a", "never closed"),
        ("host =~ [z-a]", "not understood"),
        ("host =~ a\\", "never closed"),
        ("host =~ " + "a" * 201, "at most 200"),
        ("host = " + "a" * 501, "at most 500"),
        ("service == payments", "one matcher a line"),
        ("service = payments, host =~ db-.*", "one matcher a line"),
    ],
)
def test_what_is_not_understood_is_refused_with_the_reason(line: str, why: str) -> None:
    with pytest.raises(BadMatcher, match=why):
        read_lines(line)


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(BadMatcher, match="stands one of"):
        matcher("host", "~=", "a")


_ATOM = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", "\\.", "\\d", "\\w"])
_PIECE = st.tuples(_ATOM, st.sampled_from(["", "*", "+", "?"])).map("".join)
_PATTERN = st.lists(_PIECE, max_size=5).map("".join)


@given(st.lists(_PATTERN, min_size=1, max_size=3).map("|".join), st.text("ab.1", max_size=6))
def test_it_agrees_with_re_on_all_it_understands(pattern: str, value: str) -> None:
    assert patterns.fits(pattern, value) is bool(re.fullmatch(pattern, value))


def test_a_hostile_pattern_costs_what_its_length_says() -> None:
    """`re` needs about 2^500 steps for this one; here it is 200 places times 500 characters."""
    began = time.process_time()
    assert not patterns.fits("a*" * 99 + "b", "a" * 500)
    assert time.process_time() - began < 10
