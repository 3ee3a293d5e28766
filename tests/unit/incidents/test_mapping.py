"""Mappings: items, states, severities, what is refused by name, old paths, and previews."""

import json
from dataclasses import replace
from typing import Any

import pytest

from incidents.ingest.alerts import Malformed, Message, NewAlert
from incidents.ingest.mapping import MAX_ITEMS, checked, from_dotted
from incidents.ingest.preview import preview
from incidents.ingest.reading import read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads.sent import NOW, Sent

Status = AlertStatus
PROBLEMS: list[dict[str, Any]] = [
    {"what": "full", "host": "db-1", "level": "SEV1", "now": "down", "percent": 97},
    {"what": "slow", "host": "db-2", "level": "p4", "now": "up", "percent": 3},
]
BODY = {"monitor": "disk", "problems": PROBLEMS}
MAPPING: dict[str, Any] = {
    "items": "problems",
    "title": "join(' ', [host, what])",
    "key": "host",
    "state": "now",
    "resolve_states": ["up"],
    "severity": "level",
    "severity_words": {"sev1": "critical"},
    "service": "host",
    "labels": "{percent: percent, zone: zone}",
}


def alerts(mapping: object, body: object = None) -> tuple[NewAlert, ...]:
    sent = Sent(BODY if body is None else body)
    return read("generic", sent.message(), mapping=mapping).alerts


def refused(mapping: object, body: object = None) -> str:
    with pytest.raises(Malformed) as caught:
        alerts(mapping, body)
    return caught.value.field


def test_one_body_may_hold_many_alerts_each_with_its_own_status() -> None:
    full, slow = alerts(MAPPING)
    assert (full.title, full.dedup_key, full.status) == ("db-1 full", "db-1", Status.FIRING)
    assert (slow.title, slow.dedup_key, slow.status) == ("db-2 slow", "db-2", Status.RESOLVED)
    assert (full.severity, full.is_severity_mapped) == (Severity.CRITICAL, True)
    assert (slow.severity, slow.is_severity_mapped) == (Severity.LOW, True)
    assert full.labels == {"percent": "97"}, "what is not there is no label"


def test_a_body_that_is_a_list_is_its_own_items() -> None:
    found = alerts({"items": "@"}, [{"title": "a"}, {"title": "b"}])
    assert [alert.title for alert in found] == ["a", "b"]


def test_as_many_items_and_words_as_are_allowed_are_read() -> None:
    mapping = {"items": "@", "resolve_states": [str(number) for number in range(100)]}
    words = {str(number): "high" for number in range(100)}
    found = alerts(mapping | {"severity_words": words}, [{"title": "x"}] * MAX_ITEMS)
    assert len(found) == MAX_ITEMS


def test_an_empty_list_holds_nothing_and_says_so() -> None:
    batch = read("generic", Sent({"problems": []}).message(), mapping=MAPPING)
    assert (batch.alerts, bool(batch.note)) == ((), True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "problems"),
        ({"problems": {"a": 1}}, "problems"),
        ({"problems": [1]}, "problems[0]"),
        ({"problems": [{}] * (MAX_ITEMS + 1)}, "problems"),
        ({"problems": [*PROBLEMS, {"host": 1}]}, "problems[2].join(' ', [host, what])"),
    ],
)
def test_items_that_are_none_or_too_many_are_refused_by_name(body: object, field: str) -> None:
    assert refused(MAPPING, body) == field


def test_a_condition_decides_in_place_of_the_words() -> None:
    mapping = {"title": "title", "resolve_condition": "value < `10`"}
    over, firing = (alerts(mapping, {"title": "x", "state": "ok", "value": v})[0] for v in (3, 12))
    assert (over.status, firing.status) == (Status.RESOLVED, Status.FIRING)
    assert alerts(mapping, {"title": "x", "state": "no_data", "value": 12})[0].status == (
        Status.NO_DATA
    )
    assert alerts(mapping, {"title": "x", "value": None})[0].status == Status.FIRING


def test_a_condition_that_says_neither_yes_nor_no_is_refused() -> None:
    assert refused({"resolve_condition": "state"}, {"title": "x", "state": "ok"}) == "state"


def test_a_condition_that_fails_in_one_of_many_is_named_there() -> None:
    mapping = MAPPING | {"resolve_condition": "abs(percent) < `10`"}
    broken = [*PROBLEMS, {"what": "x", "host": "y", "percent": "many"}]
    assert refused(mapping, {"problems": broken}) == "problems[2].abs(percent) < `10`"


@pytest.mark.parametrize("state", ["ok", "Resolved", " CLOSED ", "normal"])
def test_the_usual_words_end_an_alert(state: str) -> None:
    assert alerts({}, {"title": "x", "state": state})[0].status == Status.RESOLVED


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"titel": "x"}, "mapping.titel"),
        ({"title": ".."}, "mapping.title"),
        ({"items": "["}, "mapping.items"),
        ({"items": 5}, "mapping.items"),
        ({"resolve_condition": "="}, "mapping.resolve_condition"),
        ({"resolve_states": "ok"}, "mapping.resolve_states"),
        ({"resolve_states": ["ok"] * 101}, "mapping.resolve_states"),
        ({"severity_words": ["bad"]}, "mapping.severity_words"),
        ({"severity_words": {"bad": "awful"}}, "mapping.severity_words.bad"),
        ({"severity_words": {str(n): "high" for n in range(101)}}, "mapping.severity_words"),
        ({"title": "x" * 501}, "mapping.title"),
        (["title"], "mapping"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: object, field: str) -> None:
    assert refused(mapping) == field


@pytest.mark.parametrize("nothing", [None, {}, ""])
def test_without_a_mapping_every_field_has_its_own_place(nothing: object) -> None:
    assert checked(nothing).find("title", {"title": "x"}).value == "x"


@pytest.mark.parametrize(
    ("path", "expression"),
    [
        ("title", "title"),
        ("event.checks.0.name", "event.checks[0].name"),
        ("event.10", "event[10]"),
        ("0.a", '"0".a'),
        ("meta.alert-id", 'meta."alert-id"'),
        ("größe", '"größe"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a\\b", '"a\\\\b"'),
        ("a..b", 'a."".b'),
    ],
)
def test_an_old_path_becomes_an_expression(path: str, expression: str) -> None:
    assert from_dotted(path) == expression
    checked({"title": from_dotted(path)})


def test_an_old_path_finds_what_it_found() -> None:
    body = {"größe": {'say "hi"': [{"a\\b": 7}]}}
    found = checked({"key": from_dotted('größe.say "hi".0.a\\b')}).find("key", body)
    assert found.value == 7


def test_a_preview_shows_the_alerts_or_the_field_that_is_wrong() -> None:
    bodies = (BODY, {"problems": [{"what": "x"}]}, {"problems": "none"})
    messages = [Sent(body).message() for body in bodies]
    good, bad, worse = preview(MAPPING, [*messages])
    assert good.batch is not None
    assert [alert.title for alert in good.batch.alerts] == ["db-1 full", "db-2 slow"]
    assert (bad.batch, bad.field) == (None, "problems[0].join(' ', [host, what])")
    assert worse.field == "problems"
    assert "expected a list" in worse.error
    assert [one.message for one in (good, bad, worse)] == messages


def test_a_preview_of_a_wrong_mapping_is_refused_at_once() -> None:
    with pytest.raises(Malformed) as caught:
        preview({"title": ".."}, [Sent(BODY).message()])
    assert caught.value.field == "mapping.title"


def test_a_preview_of_what_is_no_json_says_so() -> None:
    broken = replace(Sent(BODY).message(), body=b"{")
    (found,) = preview({}, [broken])
    assert (found.batch, found.field) == (None, "")
    assert found.error.startswith("expected JSON")


def test_many_items_with_costly_expressions_share_one_budget() -> None:
    body = {"items": [{"title": "x", "n": list(range(900))} for _ in range(900)]}
    message = Message(json.dumps(body).encode(), received_at=NOW)
    with pytest.raises(Malformed, match="steps"):
        read("generic", message, mapping={"items": "items", "key": "to_string(n[?@ > `3`])"})
