"""A test alert is read by the format it is written for, and its end ends it."""

from datetime import UTC, datetime

import pytest

from incidents.ingest.alerts import Message, NewAlert
from incidents.ingest.reading import read
from incidents.ingest.samples import TESTABLE, TITLE, Asked, sample
from incidents.lifecycle import AlertStatus, Severity

BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENDED = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
MARK = "airra-test-0123456789abcdef"


def told(kind: str, asked: Asked) -> NewAlert:
    made = sample(kind, asked)
    message = Message(
        body=made.body,
        received_at=asked.at,
        content_type=made.content_type,
        headers=made.headers,
        channel=made.channel,
    )
    (alert,) = read(kind, message, mapping=asked.mapping).alerts
    return alert


@pytest.mark.parametrize("kind", sorted(TESTABLE))
def test_it_fires_as_a_test_about_no_service(kind: str) -> None:
    alert = told(kind, Asked(MARK, BEGAN))
    assert alert.title.endswith(TITLE)
    assert (alert.status, alert.starts_at) == (AlertStatus.FIRING, BEGAN)
    assert alert.severity in {Severity.INFO, Severity.LOW}
    assert alert.is_severity_mapped
    assert alert.service in {"", "AIRRA"}


@pytest.mark.parametrize("kind", sorted(TESTABLE))
def test_its_end_is_of_the_same_alert(kind: str) -> None:
    began, ended = told(kind, Asked(MARK, BEGAN)), told(kind, Asked(MARK, BEGAN, ENDED))
    assert ended.status == AlertStatus.RESOLVED
    assert ended.dedup_key == began.dedup_key
    assert ended.ends_at == ENDED


@pytest.mark.parametrize("kind", sorted(TESTABLE))
def test_another_test_is_another_alert(kind: str) -> None:
    other = told(kind, Asked(MARK.replace("f", "e"), BEGAN))
    assert other.dedup_key != told(kind, Asked(MARK, BEGAN)).dedup_key


def test_a_generic_test_follows_the_mapping_where_it_is_a_plain_path() -> None:
    mapping = {"title": "event.what", "key": "id", "severity": "not_null(level, 'low')"}
    alert = told("generic", Asked(MARK, BEGAN, mapping=mapping))
    assert (alert.title, alert.dedup_key, alert.severity) == (TITLE, MARK, Severity.LOW)


def test_it_stands_in_the_list_and_ends_with_the_word_of_the_mapping() -> None:
    mapping = {"items": "alerts", "resolve_states": ["gone"]}
    assert told("generic", Asked(MARK, BEGAN, ENDED, mapping=mapping)).is_resolved


def test_paths_that_cross_leave_something_out_and_do_not_break() -> None:
    mapping = {"title": "a", "key": "a.b", "state": "a.b.c"}
    assert told("generic", Asked(MARK, BEGAN, mapping=mapping)).title == TITLE
