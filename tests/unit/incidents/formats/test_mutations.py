"""Whatever is done to a valid delivery: it is read, or refused as `Malformed`; nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.ingest.alerts import MAX_KEY, MAX_TITLE, Batch, Malformed
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import identity, read
from tests.fakes.payloads.sent import Sent, changed
from tests.fakes.payloads.valid import VALID

Path = tuple[str | int, ...]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, 1e308, -1e18, 1e11, 0, -1])
    | st.text(max_size=20)
    | st.sampled_from(["\x00", "\ud800", "9" * 500, "0001-01-01T00:00:00Z", "2026-03-01T12:00:00"])
    | st.sampled_from(
        ["9999-12-31T23:59:59-23:00", "https://x", "[]", "{}", "OK", "resolved", "1e9"]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def places(document: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(document, dict):
        for name, value in document.items():
            yield from places(value, (*path, name))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from places(value, (*path, index))


def outcome(kind: str, sent: Sent, mapping: object = None) -> Batch | None:
    message = sent.message()
    assert len(identity(kind, message)) in (0, 64)
    try:
        batch = read(kind, message, mapping=mapping)
    except Malformed as wrong:
        assert_storable(wrong.field, str(wrong))
        return None
    assert_sound(batch)
    return batch


def assert_storable(*found: str) -> None:
    for text in found:
        assert "\x00" not in text
        text.encode()


def assert_sound(batch: Batch) -> None:
    assert batch.alerts or batch.changes or batch.note
    assert_storable(batch.note)
    for alert in batch.alerts:
        texts = {**(alert.labels or {}), **(alert.annotations or {})}
        assert_storable(alert.dedup_key, alert.title, alert.service, alert.description, alert.url)
        assert_storable(alert.severity_word, *texts, *texts.values())
        assert 0 < len(alert.title) <= MAX_TITLE
        assert 0 < len(alert.dedup_key) <= MAX_KEY
        assert (alert.ends_at is not None) == alert.is_resolved
        assert alert.starts_at.utcoffset() is not None
    for change in batch.changes:
        assert_storable(change.dedup_key, change.title, change.actor, change.before, change.after)
        assert 0 < len(change.dedup_key) <= MAX_KEY
        assert change.title
    if batch.handshake is not None:
        assert_storable(batch.handshake.topic, batch.handshake.url)


def mutated(sent: Sent, data: st.DataObject) -> Sent:
    document = json.loads(sent.raw)
    path = data.draw(st.sampled_from(list(places(document))))
    value = data.draw(anything | st.just(...) if path else anything)
    document = value if not path else changed(document, path, value)
    if isinstance(document, dict) and isinstance(document.get("Message"), str):
        document = _inner_too(document, data)
    raw = json.dumps(document).encode()
    return Sent(raw, sent.headers, sent.content_type, sent.channel)


def _inner_too(document: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    try:
        inner = json.loads(document["Message"])
    except ValueError:
        return document
    path = data.draw(st.sampled_from(list(places(inner))))
    if path:
        inner = changed(inner, path, data.draw(anything))
    return document | {"Message": json.dumps(inner)}


def test_every_format_is_mutated() -> None:
    assert set(VALID) == set(FORMATS)


@pytest.mark.parametrize("kind", VALID)
def test_what_is_valid_is_read(kind: str) -> None:
    for sent in VALID[kind]:
        assert outcome(kind, sent) is not None


@pytest.mark.parametrize("kind", VALID)
@given(data=st.data())
@settings(max_examples=150)
def test_one_place_changed_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    outcome(kind, mutated(data.draw(st.sampled_from(VALID[kind])), data))


@pytest.mark.parametrize("kind", VALID)
@given(document=anything)
@settings(max_examples=60)
def test_any_json_is_read_or_refused(kind: str, document: object) -> None:
    sent = VALID[kind][0]
    raw = json.dumps(document).encode()
    outcome(kind, Sent(raw, sent.headers, sent.content_type, sent.channel))


@pytest.mark.parametrize("kind", VALID)
@given(body=st.binary(max_size=80))
@settings(max_examples=40)
def test_any_bytes_are_read_or_refused(kind: str, body: bytes) -> None:
    sent = VALID[kind][0]
    outcome(kind, Sent(body, sent.headers, sent.content_type, sent.channel))


@pytest.mark.parametrize("kind", VALID)
@given(data=st.data(), value=st.text(max_size=30) | st.sampled_from(["\x00", "\ud800", "%00%FF"]))
@settings(max_examples=40)
def test_any_header_is_read_or_refused(kind: str, data: st.DataObject, value: str) -> None:
    names = [*FORMATS[kind].headers, "ce-id", "ce-source", "ce-data", "ce-specversion", "x"]
    sent = data.draw(st.sampled_from(VALID[kind]))
    name = data.draw(st.sampled_from(names))
    told = {**sent.headers, name: value}
    headers = {key: text for key, text in told.items() if FORMATS[kind].keeps(key)}
    content_type = data.draw(st.sampled_from([sent.content_type, "", "text/plain", value]))
    outcome(kind, Sent(sent.raw, headers, content_type, sent.channel))


@pytest.mark.parametrize("kind", ["generic", "cloudevents"])
@given(data=st.data())
@settings(max_examples=150)
def test_any_mapping_reads_or_refuses(kind: str, data: st.DataObject) -> None:
    expressions = st.sampled_from(
        ["title", "@", "*", "labels", "keys(@)", "to_string(@)", "@.*", "[*]", "length(@)", "data"]
    )
    names = ["title", "key", "state", "labels", "starts_at", "items", "resolve_condition", "url"]
    mapping = data.draw(st.dictionaries(st.sampled_from(names), expressions | anything, max_size=4))
    outcome(kind, data.draw(st.sampled_from(VALID[kind])), mapping)
