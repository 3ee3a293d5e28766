"""The PromQL parser: what it understands, and how it refuses the rest."""

import pytest

from lab.prom.lexer import QueryError, duration_ms
from lab.prom.nodes import Aggregate, Binary, Call, Matcher, Number, Selector
from lab.prom.parser import parse


def test_selector_with_every_matcher_and_a_range() -> None:
    node = parse("""m{a="1", b!='2', c=~"x.*", d!~`\\d`}[1m30s] offset 5m""")
    assert node == Selector(
        "m",
        (
            Matcher("a", "=", "1"), Matcher("b", "!=", "2"),
            Matcher("c", "=~", "x.*"), Matcher("d", "!~", "\\d"),
        ),
        range_ms=90_000,
        offset_ms=300_000,
    )  # fmt: skip


def test_multiplication_binds_tighter_than_addition_and_comparison() -> None:
    node = parse("1 + a * 2 > 3")
    assert node == Binary(
        ">", Binary("+", Number(1), Binary("*", Selector("a", ()), Number(2))), Number(3)
    )


def test_grouping_may_stand_before_or_after_the_operand() -> None:
    expected = Aggregate("sum", Call("rate", (Selector("m", (), 60_000),)), ("a", "b"))
    assert parse("sum by (a, b) (rate(m[1m]))") == expected
    assert parse("sum(rate(m[1m])) by (a, b)") == expected


def test_minus_binds_to_what_follows() -> None:
    assert parse("-2") == Number(-2)
    assert parse("-a") == Binary("*", Selector("a", ()), Number(-1))


def test_matching_labels_are_read() -> None:
    node = parse("a / on (service) b")
    assert node == Binary("/", Selector("a", ()), Selector("b", ()), ("service",), is_on=True)


def test_durations() -> None:
    assert duration_ms("1h30m") == 5_400_000
    assert duration_ms("250ms") == 250


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", "no expression"),
        ("topk(3, up)", "topk"),
        ("up % 2", "%"),
        ("sum(rate(m[1m])", "end of input"),
        ("rate(m)", "instant vector"),
        ("m[1m] + 1", '"+"'),
        ("a * on (x) group_left b", "group_left"),
        ("m{a=1}", "1"),
        ('m{a=~"("}', "("),
        ("1 > 2", "BOOL"),
        ("1 or 2", '"or"'),
        ('{a=""}', "non-empty"),
        ("a[5m:1m]", ":"),
        ("sum(a)[5m]", "ranges"),
        ("histogram_quantile(0.9)", "histogram_quantile"),
        ("a ; b", ";"),
        ("up up", "up"),
    ],
)
def test_what_is_not_understood_is_named(query: str, named: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(query)
    assert named in str(raised.value)
