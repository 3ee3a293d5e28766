"""Whatever a sender writes: alerts that can be stored, or `Malformed`, and nothing else."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incidents.ingest.alerts import (
    MAX_DESCRIPTION,
    MAX_KEY,
    MAX_SERVICE,
    MAX_TITLE,
    Batch,
    Malformed,
    Message,
    NewAlert,
)
from incidents.ingest.mapping import FIELDS
from incidents.ingest.reading import read

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KINDS = ("alertmanager", "generic")

texts = (
    st.text(max_size=20)
    | st.sampled_from(
        ["firing", "resolved", "ok", "", "\x00", "\ud800", "9" * 500, "2026-03-01T12:00:00"]
    )
    | st.sampled_from(
        ["0001-01-01T00:00:00Z", "2026-03-01T12:00:00.123456789Z", "9999-12-31T23:59:59-23:00"]
    )
)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, 1e308, -1e18, 1e11, 0])
scalars = st.none() | st.booleans() | numbers | texts
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def nearly(names: Iterable[str], **likely: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object of a format, each field right, wrong or missing."""
    fields = {name: likely.get(name, texts) | anything for name in names}
    return st.fixed_dictionaries({}, optional=fields)


moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat)
alertmanager_alerts = nearly(
    ("status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"),
    status=st.sampled_from(["firing", "resolved"]),
    labels=st.dictionaries(texts, texts, min_size=1, max_size=3),
    annotations=st.dictionaries(texts, texts, max_size=3),
    startsAt=moments,
    endsAt=moments,
)
alertmanager_bodies = nearly(
    ("version", "alerts", "truncatedAlerts"),
    version=st.just("4"),
    alerts=st.lists(alertmanager_alerts | anything, max_size=3),
    truncatedAlerts=st.integers(0, 9),
)
generic_bodies = nearly(
    FIELDS,
    starts_at=moments | numbers,
    ends_at=moments | numbers,
    labels=st.dictionaries(texts, scalars, max_size=3),
)
mappings = st.dictionaries(
    st.sampled_from(["title", "key", "state", "labels", "resolve_states", "x"]),
    st.sampled_from(["a.b[0]", "title", "labels.x", "a[99999]", ".."]) | anything,
    max_size=4,
)


def outcome(kind: str, body: bytes, mapping: object = None) -> Batch | tuple[str, str]:
    """The alerts, checked to be fit for storing; or the field and the words of the refusal."""
    try:
        batch = read(kind, Message(body, received_at=NOW), mapping=mapping)
    except Malformed as wrong:
        assert_storable(wrong.field, str(wrong))
        return wrong.field, str(wrong)
    for alert in batch.alerts:
        assert_sound(alert)
    return batch


def assert_storable(*found: str) -> None:
    for text in found:
        assert "\x00" not in text
        text.encode()


def assert_sound(alert: NewAlert) -> None:
    labels, annotations = dict(alert.labels or {}), dict(alert.annotations or {})
    assert_storable(alert.dedup_key, alert.title, alert.service, alert.description)
    assert_storable(*labels, *labels.values(), *annotations, *annotations.values())
    assert 0 < len(alert.title) <= MAX_TITLE
    assert 0 < len(alert.dedup_key) <= MAX_KEY
    assert len(alert.service) <= MAX_SERVICE
    assert len(alert.description) <= MAX_DESCRIPTION
    for moment in (alert.starts_at, alert.ends_at or NOW):
        assert moment.utcoffset() is not None
        assert moment >= datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=200))
@example(body=b"")
@example(body=b"\xff\xfe{")
@example(body=b"NaN")
@example(body=b"1" * 5000)
def test_any_bytes_are_read_or_refused(kind: str, body: bytes) -> None:
    outcome(kind, body)


@pytest.mark.parametrize("kind", KINDS)
@given(document=anything, mapping=anything)
def test_any_json_is_read_or_refused(kind: str, document: object, mapping: object) -> None:
    outcome(kind, json.dumps(document).encode(), mapping)


@given(document=alertmanager_bodies)
@example(document={"version": "4", "alerts": [{"labels": {"\ud800": 5}}]})
@example(document={"version": "4", "alerts": [{"labels": {"\x00": 5}}]})
@example(document={"version": "4", "alerts": [{"labels": {"a": "b"}, "startsAt": 1, "status": []}]})
def test_nearly_right_alertmanager_bodies_are_read_or_refused(document: object) -> None:
    outcome("alertmanager", json.dumps(document).encode())


@given(document=generic_bodies, mapping=mappings)
@example(document={"title": "x", "labels": {"\ud800": []}}, mapping={})
@example(document={"title": "x"}, mapping={"\ud800": "x"})
@example(document={"title": "x", "starts_at": -62135596800}, mapping={})
def test_nearly_right_generic_bodies_are_read_or_refused(document: object, mapping: object) -> None:
    outcome("generic", json.dumps(document).encode(), mapping)


@given(document=alertmanager_bodies | generic_bodies, kind=st.sampled_from(KINDS))
def test_the_same_body_is_always_read_the_same(document: object, kind: str) -> None:
    body = json.dumps(document).encode()
    assert outcome(kind, body) == outcome(kind, body)


@pytest.mark.parametrize("kind", KINDS)
def test_any_depth_is_read_or_refused(kind: str) -> None:
    """At each depth another function is the one that runs out of stack."""
    for depth in (*range(60, 70), *range(900, 1000, 7), 100_000):
        nested = "[" * depth + "]" * depth
        outcome(kind, f'{{"version": "4", "title": {nested}, "alerts": {nested}}}'.encode())
        outcome(kind, f'{{"version": {nested}, "title": "x", "labels": {nested}}}'.encode())


def test_a_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(Malformed, match="kind: expected one of alertmanager, "):
        read("carrier pigeon", Message(b"{}", received_at=NOW), mapping=None)


@pytest.mark.parametrize("body", [b"", b"{", b"firing", b"NaN", b'{"a": Infinity}', b"\xff"])
def test_what_is_no_json_has_no_field(body: bytes) -> None:
    with pytest.raises(Malformed, match="expected JSON") as caught:
        read("generic", Message(body, received_at=NOW), mapping=None)
    assert caught.value.field == ""
