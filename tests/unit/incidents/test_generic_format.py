"""Any JSON object as one alert: default places, mappings, times and ends."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.ingest.alerts import MAX_KEY, MAX_SERVICE, MAX_TITLE, Malformed, Message, NewAlert
from incidents.ingest.formats import generic
from incidents.lifecycle import AlertStatus, Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)


def told(document: object) -> Message:
    return Message(json.dumps(document).encode(), received_at=NOW)


def read(mapping: object = None, /, **fields: Any) -> NewAlert:
    document = {"title": "disk full", **fields}
    (found,) = generic.parse(told(document), mapping=mapping).alerts
    return found


def refused(document: object, mapping: object = None) -> Malformed:
    with pytest.raises(Malformed) as caught:
        generic.parse(told(document), mapping=mapping)
    return caught.value


def test_a_title_is_all_it_takes() -> None:
    found = read()
    assert (found.title, found.service, found.description) == ("disk full", "", "")
    assert (found.starts_at, found.ends_at) == (NOW, None)
    assert (found.severity, found.is_severity_mapped) == (Severity.MEDIUM, False)


def test_every_field_is_read_from_its_default_place() -> None:
    found = read(
        key="disk-1",
        severity="P1",
        service="payments",
        description="97 %",
        labels={"host": "a", "use": 0.97, "is_root": True},
        starts_at="2026-03-01T11:00:00Z",
    )
    assert (found.dedup_key, found.service, found.description) == ("disk-1", "payments", "97 %")
    assert (found.severity, found.is_severity_mapped) == (Severity.CRITICAL, True)
    assert found.labels == {"host": "a", "use": "0.97", "is_root": "true"}
    assert found.starts_at == EARLIER


def test_a_mapping_points_into_objects_and_lists() -> None:
    mapping = {"title": "event.checks[0].name", "service": "event.host", "key": "id"}
    body = {"id": 7, "event": {"host": "db1", "checks": [{"name": "replication"}, {"name": "x"}]}}
    (found,) = generic.parse(told(body), mapping=mapping).alerts
    assert (found.title, found.service, found.dedup_key) == ("replication", "db1", "7")


@pytest.mark.parametrize(
    "path", ["event.checks[1].name", "event.checks.x", "event.host.name", "no"]
)
def test_a_path_that_breaks_off_is_named(path: str) -> None:
    wrong = refused({"event": {"host": "db1", "checks": [{"name": "x"}]}}, {"title": path})
    assert wrong.field == path
    assert "got nothing" in str(wrong)


@pytest.mark.parametrize("state", ["ok", "OK", "Resolved", "closed", "normal", " ok "])
def test_the_usual_words_end_it(state: str) -> None:
    assert read(state=state).ends_at == NOW


@pytest.mark.parametrize("state", ["firing", "", "not ok", None, 0, False])
def test_any_other_word_means_that_it_fires(state: object) -> None:
    assert read(state=state).status == AlertStatus.FIRING


def test_a_mapping_replaces_the_words_that_end_it() -> None:
    mapping = {"resolve_states": ["UP", 0, False]}
    assert read(mapping, state="up").is_resolved
    assert read(mapping, state=0).is_resolved
    assert read(mapping, state=False).is_resolved
    assert not read(mapping, state="ok").is_resolved


def test_an_end_that_is_told_is_taken_only_when_it_is_over() -> None:
    ended = "2026-03-01T11:00:00Z"
    assert read(state="ok", ends_at=ended).ends_at == EARLIER
    assert read(state="firing", ends_at=ended).ends_at is None


@pytest.mark.parametrize(
    "given",
    [
        "2026-03-01T11:00:00Z",
        "2026-03-01T12:00:00+01:00",
        EARLIER.timestamp(),
        int(EARLIER.timestamp()),
        EARLIER.timestamp() * 1000,
    ],
)
def test_a_time_is_text_or_unix_seconds_or_milliseconds(given: object) -> None:
    assert read(starts_at=given).starts_at == EARLIER


@pytest.mark.parametrize("nothing", [None, 0, -1, 0.0, "0001-01-01T00:00:00Z"])
def test_a_time_that_says_nothing_is_the_arrival(nothing: object) -> None:
    found = read(state="ok", starts_at=nothing, ends_at=nothing)
    assert (found.starts_at, found.ends_at) == (NOW, NOW)


def test_key_and_words_tell_alerts_apart() -> None:
    assert read().dedup_key == read(state="ok", severity="p1").dedup_key
    assert read().dedup_key != read(service="payments").dedup_key
    assert read(key="a").dedup_key != read(key="b").dedup_key
    assert read(key="7").dedup_key == read(key=7).dedup_key
    long = "k" * (MAX_KEY + 1)
    assert len(read(key=long).dedup_key) <= MAX_KEY
    assert read(key=long).dedup_key != read(key=long + "x").dedup_key


def test_long_texts_are_cut_to_what_can_be_stored() -> None:
    found = read(title="t" * 999, service="s" * 999)
    assert (len(found.title), len(found.service)) == (MAX_TITLE, MAX_SERVICE)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "the body"),
        (None, "the body"),
        ("disk full", "the body"),
        ({}, "title"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": 5}, "title"),
        ({"title": "x", "key": {}}, "key"),
        ({"title": "x", "state": []}, "state"),
        ({"title": "x", "severity": {}}, "severity"),
        ({"title": "x", "service": []}, "service"),
        ({"title": "x", "description": 1}, "description"),
        ({"title": "x", "labels": "a=b"}, "labels"),
        ({"title": "x", "labels": {"a": []}}, "labels.a"),
        ({"title": "x", "starts_at": "noon"}, "starts_at"),
        ({"title": "x", "starts_at": True}, "starts_at"),
        ({"title": "x", "starts_at": 1e30}, "starts_at"),
        ({"title": "x", "ends_at": "2026-03-01"}, "ends_at"),
    ],
)
def test_a_wrong_field_is_named(body: object, field: str) -> None:
    assert refused(body).field == field


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        (["title"], "mapping"),
        ("title", "mapping"),
        ({"titel": "x"}, "mapping.titel"),
        ({"title": 5}, "mapping.title"),
        ({"title": ""}, "mapping.title"),
        ({"resolve_states": "ok"}, "mapping.resolve_states"),
        ({"resolve_states": [{}]}, "mapping.resolve_states[0]"),
    ],
)
def test_a_wrong_mapping_is_named(mapping: object, field: str) -> None:
    assert refused({"title": "x"}, mapping).field == field
