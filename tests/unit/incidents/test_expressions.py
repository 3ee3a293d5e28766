"""Expressions over untrusted bodies: what they find, how they are refused, and where they stop."""

import json
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.ingest import expressions
from incidents.ingest.alerts import Malformed
from incidents.ingest.expressions import Expression, Meter, compiled
from incidents.ingest.fields import Field


def expression(text: object) -> Expression:
    return compiled(Field("mapping.title", text))


def refused(text: object) -> Malformed:
    with pytest.raises(Malformed) as caught:
        expression(text)
    return caught.value


def stopped(text: str, body: Any, meter: Meter | None = None) -> str:
    with pytest.raises(Malformed) as caught:
        expression(text).find(body, meter=meter)
    assert caught.value.field == text
    return str(caught.value)


def test_it_finds_and_names_where() -> None:
    found = expression("a.b[1].c").find({"a": {"b": [{}, {"c": 7}]}})
    assert (found.value, found.path) == (7, "a.b[1].c")
    assert expression("a").find({}, within="items[3]").path == "items[3].a"


def test_what_is_not_there_is_missing() -> None:
    assert expression("a.b.c").find({"a": 5}).is_missing


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a..b", "letter 3"),
        ("a.b[", "letter 5"),
        ("a b", "letter 3"),
        ("a ? b", "letter 3"),
        ("foo(", "letter 5"),
        ("'open", "letter 1"),
    ],
)
def test_a_broken_expression_is_named_with_the_place(text: str, where: str) -> None:
    wrong = refused(text)
    assert wrong.field == "mapping.title"
    assert where in str(wrong)


@pytest.mark.parametrize("text", ["", "  ", None, 5, [], "x" * (expressions.MAX_EXPRESSION + 1)])
def test_what_is_no_expression_or_too_long_is_refused(text: object) -> None:
    assert refused(text).field == "mapping.title"


def test_a_function_that_does_not_exist_is_refused_before_it_is_used() -> None:
    assert "system(), a function it does not have" in str(refused("a && system('ls')"))


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("abs(a)", {"a": "x"}),
        ("floor(to_number(a))", {"a": "1e999"}),
        ("sum(a)", {"a": ["x"]}),
        ("join(a, b)", {"a": 1, "b": 2}),
        ("length(a)", {"a": 5}),
        ("max_by(a, &b)", {"a": [{"b": {}}]}),
        ("to_string(sum(a))", {"a": [9 * 10**4299] * 5}),
        ("abs(@, @)", {}),
    ],
)
def test_what_cannot_be_worked_out_is_refused_by_its_own_text(text: str, body: Any) -> None:
    stopped(text, body)


def test_a_number_of_more_digits_than_may_be_written_is_refused_when_it_is_read() -> None:
    found = expression("sum(a)").find({"a": [9 * 10**4299] * 5})
    for reading in (found.word, found.text, found.moment_or_unix):
        with pytest.raises(Malformed):
            reading()


def test_copies_of_copies_are_refused_before_they_are_made() -> None:
    doubling = "|".join(["[@,@]"] * 40)
    assert "copies a part at most" in str(refused(doubling))
    assert "copies a part at most" in str(refused("|".join(["{a: @, b: @}[*]"] * 30)))
    assert expression("{host: a, env: b, zone: c}").find({"a": 1}).value["host"] == 1


def test_a_text_that_grows_with_each_step_is_stopped() -> None:
    growing = "to_string([" * 22 + "@" + "])" * 22
    assert "letters of text" in stopped(growing, {"a": '"' * 1000})


def test_a_join_is_asked_before_it_makes_anything() -> None:
    body = {"glue": "x" * 100_000, "parts": ["a"] * 9_000}
    assert "letters of text" in stopped("join(glue, parts)", body)


def test_a_walk_without_end_is_stopped() -> None:
    body = [[0] * 9000 for _ in range(100)]
    assert "steps" in stopped("[*][*]", body)


def test_more_parts_than_anybody_means_are_refused() -> None:
    assert "parts" in stopped("@", [0] * (expressions.MAX_PARTS + 1))


def test_one_meter_counts_for_all_expressions_over_a_body() -> None:
    meter = Meter(steps=expressions.MAX_STEPS - 10)
    expression("a.b").find({}, meter=meter)
    assert "steps" in stopped("a.b.c.d.e.f.g", {}, meter)


def outcome(text: str, body: Any) -> str:
    """What was complained of; nothing when it was found."""
    try:
        expression(text).find(body)
    except Malformed as wrong:
        return str(wrong)
    return ""


@pytest.mark.parametrize(
    "text",
    ["(" * 249 + "a" + ")" * 249, "[" * 250 + "]" * 250, "!" * 499 + "a", "a" + "[]" * 249],
)
def test_deep_brackets_break_nothing(text: str) -> None:
    outcome(text, {"a": []})


@pytest.mark.parametrize(
    "text",
    [
        "sort_by([?contains(name, 'x')], &name)[*].[name, list[?@ > `3`]]",
        "[*].list[]|[?@ != `7`]|[*].to_string(@)",
        "max_by(@, &length(join(',', list[*].to_string(@))))",
    ],
)
def test_the_worst_that_fits_is_over_in_a_moment(text: str) -> None:
    items = [{"name": "x" * 50, "list": list(range(20))} for _ in range(9000)]
    began = process_time()
    complaint = outcome(text, items)
    assert process_time() - began < 10
    assert not complaint or "steps" in complaint or "parts" in complaint


names = st.sampled_from(["a", "b", "@", "*", "a.b", "[0]", "[*]", "a[?b]", "'x'", "`1`", "[]"])
calls = st.sampled_from(
    ["length({})", "to_string({})", "keys({})", "sort({})", "not_null({},{})", "[{},{}]", "{}|{}",
     "{} == {}", "!{}", "join(',',{})", "max({})", "map(&{},{})", "{{x: {}}}", "&{}", "{} && {}"]
)  # fmt: skip


@st.composite
def grown(draw: st.DrawFn) -> str:
    text = draw(names)
    for _ in range(draw(st.integers(0, 4))):
        text = draw(calls).replace("{{", "\0").replace("{}", text).replace("\0", "{")
        text = text.replace("}}", "}")
    return text


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "x"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(text=grown() | st.text(max_size=30), body=values)
def test_any_expression_over_any_body_finds_or_refuses(text: str, body: Any) -> None:
    try:
        found = expression(text).find(body)
        for reading in (found.word, found.words, found.moment_or_unix, found.items, found.members):
            try:
                reading()
            except Malformed as wrong:
                str(wrong).encode()
    except Malformed as wrong:
        str(wrong).encode()
        json.dumps(wrong.field)
