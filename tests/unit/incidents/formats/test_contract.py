"""The same questions to every format that brings alerts."""

import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any

import pytest

from incidents.ingest.alerts import MAX_TITLE, Malformed, NewAlert
from incidents.ingest.fields import MAX_DEPTH
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import cloudwatch
from tests.fakes.payloads.sent import NOW, Sent
from tests.unit.incidents.formats.vendors import BEGAN, ENDED, VENDORS, WORDS, Vendor

Status = AlertStatus
SECOND = timedelta(seconds=1)


def those(of: Callable[[Vendor], object] = lambda _: True) -> pytest.MarkDecorator:
    """Asks every format that can say such a thing at all."""
    asked = [vendor for vendor in VENDORS if of(vendor)]
    return pytest.mark.parametrize("vendor", asked, ids=[vendor.kind for vendor in asked])


def the_alert(vendor: Vendor, sent: Sent) -> NewAlert:
    (found,) = read(vendor.kind, sent.message(), mapping={}).alerts
    return found


def refused(vendor: Vendor, sent: Sent) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read(vendor.kind, sent.message(), mapping={})
    return caught.value


def started(vendor: Vendor, value: Any) -> Sent:
    """A firing delivery with another start; CloudWatch keeps it in a text within the body."""
    if vendor.kind == "cloudwatch_sns":
        return cloudwatch.sns(StateChangeTime=value)
    return vendor.firing.but(vendor.start, value)


@those()
def test_a_firing_alert_is_read_with_all_it_says(vendor: Vendor) -> None:
    found = the_alert(vendor, vendor.firing)
    assert found.status == Status.FIRING
    assert found.ends_at is None
    assert found.is_start_told
    assert abs(found.starts_at - BEGAN) < SECOND
    assert found.service == vendor.service
    assert (found.severity, found.is_severity_mapped) == (vendor.severity, True)
    assert found.title
    assert found.title != "alert without a name"
    assert found.dedup_key


@those()
def test_its_end_is_known_by_the_same_key(vendor: Vendor) -> None:
    found = the_alert(vendor, vendor.resolved)
    assert found.status == Status.RESOLVED
    assert found.dedup_key == the_alert(vendor, vendor.firing).dedup_key
    assert found.ends_at is not None
    assert found.starts_at <= found.ends_at
    expected = NOW if vendor.kind == "pagerduty_events" else ENDED
    assert abs(found.ends_at - expected) < SECOND


@those(lambda vendor: vendor.acknowledged)
def test_an_acknowledgement_neither_ends_it_nor_begins_another(vendor: Vendor) -> None:
    assert vendor.acknowledged is not None
    found = the_alert(vendor, vendor.acknowledged)
    assert (found.status, found.ends_at) == (Status.ACKNOWLEDGED, None)
    assert found.dedup_key == the_alert(vendor, vendor.firing).dedup_key


@those(lambda vendor: vendor.no_data)
def test_no_data_is_neither_firing_nor_over(vendor: Vendor) -> None:
    assert vendor.no_data is not None
    found = the_alert(vendor, vendor.no_data)
    assert (found.status, found.ends_at) == (Status.NO_DATA, None)


@those(lambda vendor: vendor.suppressed)
def test_what_the_sender_holds_back_is_suppressed_and_not_over(vendor: Vendor) -> None:
    assert vendor.suppressed is not None
    found = the_alert(vendor, vendor.suppressed)
    assert (found.status, found.ends_at) == (Status.SUPPRESSED, None)
    assert found.dedup_key == the_alert(vendor, vendor.firing).dedup_key


@those()
def test_every_word_for_severity_has_its_place(vendor: Vendor) -> None:
    assert vendor.severe is not None
    for word, severity in WORDS.items():
        found = the_alert(vendor, vendor.severe(word))
        assert (found.severity, found.is_severity_mapped, found.severity_word) == (
            severity,
            True,
            word,
        )


@those()
def test_a_severity_nobody_knows_is_medium_and_flagged(vendor: Vendor) -> None:
    assert vendor.severe is not None
    found = the_alert(vendor, vendor.severe("apocalyptic"))
    assert (found.severity, found.is_severity_mapped) == (Severity.MEDIUM, False)
    assert found.severity_word == "apocalyptic"


@those()
def test_no_time_is_the_arrival_and_not_told(vendor: Vendor) -> None:
    found = the_alert(vendor, started(vendor, "0001-01-01T00:00:00Z"))
    assert (found.starts_at, found.is_start_told) == (found.at or NOW, False)
    if not vendor.is_start_needed:
        assert not the_alert(vendor, started(vendor, None)).is_start_told


@those()
def test_a_start_that_lies_days_ahead_says_nothing(vendor: Vendor) -> None:
    ahead = (NOW + timedelta(days=2)).isoformat()
    found = the_alert(vendor, started(vendor, ahead))
    assert (found.starts_at, found.is_start_told) == (found.at or NOW, False)
    for soon in (NOW + timedelta(minutes=5), NOW + timedelta(days=1)):
        found = the_alert(vendor, started(vendor, soon.isoformat()))
        assert (found.starts_at, found.is_start_told) == (soon, True)


@those()
def test_offset_and_nanoseconds_become_utc_and_microseconds(vendor: Vendor) -> None:
    found = the_alert(vendor, started(vendor, "2026-03-01T13:50:00.123456789+02:00"))
    assert found.starts_at == BEGAN.replace(microsecond=123456)
    assert found.starts_at.tzinfo is UTC


@pytest.mark.parametrize("wrong", ["yesterday", "2026-03-01T12:00:00", {}, [], True])
@those()
def test_a_time_that_is_none_is_refused_by_its_name(vendor: Vendor, wrong: object) -> None:
    named = refused(vendor, started(vendor, wrong)).field
    last = "StateChangeTime" if vendor.kind == "cloudwatch_sns" else vendor.start[-1]
    assert named.endswith(str(last))


@those()
def test_the_same_delivery_again_has_the_same_identity(vendor: Vendor) -> None:
    first = identity(vendor.kind, vendor.firing.message())
    later = vendor.firing.message(NOW + timedelta(minutes=1))
    assert identity(vendor.kind, later) == first
    assert bool(first) == vendor.has_identity
    assert len(first) in (0, 64)


@those(lambda vendor: vendor.has_identity)
def test_another_event_of_the_same_alert_has_another_identity(vendor: Vendor) -> None:
    one, other = (
        identity(vendor.kind, sent.message()) for sent in (vendor.firing, vendor.resolved)
    )
    assert one != other or not vendor.has_identity


@those()
def test_the_senders_own_key_comes_before_everything(vendor: Vendor) -> None:
    def keyed(sent: Sent, key: str) -> str:
        headers = dict(sent.headers) | {"idempotency-key": key}
        told = Sent(sent.body, headers, sent.content_type, sent.channel)
        return identity(vendor.kind, told.message())

    assert keyed(vendor.firing, "k") == keyed(vendor.resolved, "k")
    assert keyed(vendor.firing, "k") != keyed(vendor.firing, "l")


@those()
def test_what_is_missing_is_named(vendor: Vendor) -> None:
    for path, name in vendor.required:
        assert refused(vendor, vendor.firing.but(path, ...)).field == name
        assert refused(vendor, vendor.firing.but(path, {"a": ["wrong"]})).field.startswith(name)


HOSTILE = "a\x00b\ud800c <script>alert(1)</script> {{ 7 * 7 }} ' OR 1=1 --"


@those()
def test_hostile_text_can_be_stored_and_stays_text(vendor: Vendor) -> None:
    found = the_alert(vendor, vendor.titled(HOSTILE))
    assert "<script>alert(1)</script> {{ 7 * 7 }} ' OR 1=1 --" in found.title
    for text in (found.title, found.dedup_key, found.description, found.service, found.url):
        assert "\x00" not in text
        text.encode()
    assert "\x00" not in json.dumps([found.labels, found.annotations], ensure_ascii=False)


@those()
def test_a_long_title_is_cut_and_a_long_key_kept_apart(vendor: Vendor) -> None:
    assert len(the_alert(vendor, vendor.titled("x" * 5000)).title) == MAX_TITLE


@those()
def test_a_page_of_another_scheme_is_no_page(vendor: Vendor) -> None:
    raw = vendor.firing.raw
    hostile = raw.replace(b"https://", b"javascript:").replace(b"http://", b"data:")
    sent = Sent(hostile, vendor.firing.headers, vendor.firing.content_type)
    assert the_alert(vendor, sent).url == ""


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 5000, 200_000])
@those()
def test_deep_nesting_is_refused_before_anything_is_read(vendor: Vendor, depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    wrong = refused(vendor, Sent(deep, vendor.firing.headers, vendor.firing.content_type))
    assert "levels of objects and lists" in str(wrong)
    assert identity(vendor.kind, Sent(deep).message()) == ""


@pytest.mark.parametrize("body", [b"", b"{", b"firing", b"\xff\xfe", b"NaN", b"[1"])
@those()
def test_what_is_no_json_is_refused_without_a_field(vendor: Vendor, body: bytes) -> None:
    wrong = refused(vendor, Sent(body, vendor.firing.headers, vendor.firing.content_type))
    assert wrong.field == ""


@those()
def test_the_body_must_be_what_the_format_says(vendor: Vendor) -> None:
    for body in (b"[]", b"5", b'"x"', b"null", b"{}"):
        refused(vendor, Sent(body, vendor.firing.headers, vendor.firing.content_type))


def test_every_format_with_alerts_is_asked() -> None:
    assert {v.kind for v in VENDORS} == {k for k, f in FORMATS.items() if f.has_alerts}


@those()
def test_the_moment_of_reading_changes_nothing_but_what_was_left_out(vendor: Vendor) -> None:
    later = read(vendor.kind, vendor.firing.message(NOW + timedelta(hours=1)), mapping={})
    assert later.alerts == (the_alert(vendor, vendor.firing),)
