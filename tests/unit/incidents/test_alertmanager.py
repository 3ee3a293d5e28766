"""Alertmanager's webhook, version 4: every promise read, every broken one named by its path."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from incidents.ingest.alerts import MAX_ALERTS, MAX_KEY, MAX_TITLE, Malformed, Message, NewAlert
from incidents.ingest.formats import alertmanager
from incidents.lifecycle import AlertStatus, Severity

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STARTED = "2026-03-01T11:55:00Z"
GO_ZERO = "0001-01-01T00:00:00Z"


def alert(**changed: Any) -> dict[str, Any]:
    fields = {
        "status": "firing",
        "labels": {"alertname": "HighErrors", "service": "payments", "severity": "critical"},
        "annotations": {"summary": "12 % of calls fail", "description": "since the deploy"},
        "startsAt": STARTED,
        "endsAt": GO_ZERO,
        "fingerprint": "c0ffee",
    }
    return {name: value for name, value in {**fields, **changed}.items() if value is not ...}


def body(*alerts: Any, **changed: Any) -> dict[str, Any]:
    fields = {"version": "4", "status": "firing", "alerts": list(alerts) or [alert()]}
    return {name: value for name, value in {**fields, **changed}.items() if value is not ...}


def told(document: object) -> Message:
    return Message(json.dumps(document).encode(), received_at=NOW)


def read(**changed: Any) -> NewAlert:
    (found,) = alertmanager.parse(told(body(alert(**changed)))).alerts
    return found


def refused(document: object) -> Malformed:
    with pytest.raises(Malformed) as caught:
        alertmanager.parse(told(document))
    return caught.value


def test_an_alert_is_read_with_all_it_says() -> None:
    found = read()
    assert found.dedup_key == "c0ffee"
    assert found.title == "HighErrors: 12 % of calls fail"
    assert found.description == "since the deploy"
    assert (found.severity, found.is_severity_mapped) == (Severity.CRITICAL, True)
    assert found.service == "payments"
    assert found.starts_at == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert found.labels == {
        "alertname": "HighErrors",
        "service": "payments",
        "severity": "critical",
    }


def test_the_status_is_that_of_each_alert_and_not_of_the_envelope() -> None:
    both = body(alert(), alert(status="resolved", endsAt="2026-03-01T11:59:00Z"), status="resolved")
    firing, over = alertmanager.parse(told(both)).alerts
    assert (firing.status, over.status) == (AlertStatus.FIRING, AlertStatus.RESOLVED)


@pytest.mark.parametrize("guess", [GO_ZERO, "2026-03-01T12:30:00Z", "2020-01-01T00:00:00Z", ...])
def test_the_end_of_a_firing_alert_is_a_guess_and_not_taken(guess: Any) -> None:
    assert read(endsAt=guess).ends_at is None


def test_a_resolved_alert_ends_when_it_says() -> None:
    found = read(status="resolved", endsAt="2026-03-01T11:59:30Z")
    assert found.ends_at == datetime(2026, 3, 1, 11, 59, 30, tzinfo=UTC)


@pytest.mark.parametrize("nothing", [GO_ZERO, "0001-01-01T00:00:00+05:00", None, ...])
def test_a_resolved_alert_without_an_end_ended_on_arrival(nothing: Any) -> None:
    assert read(status="resolved", endsAt=nothing).ends_at == NOW


def test_a_start_that_go_left_empty_is_the_arrival() -> None:
    assert read(startsAt=GO_ZERO).starts_at == NOW


def test_nanoseconds_are_cut_to_microseconds() -> None:
    found = read(startsAt="2026-03-01T11:55:00.123456789Z")
    assert found.starts_at == datetime(2026, 3, 1, 11, 55, 0, 123456, tzinfo=UTC)


def test_an_offset_is_turned_into_utc() -> None:
    found = read(startsAt="2026-03-01T13:55:00+02:00")
    assert found.starts_at == datetime(2026, 3, 1, 11, 55, tzinfo=UTC)
    assert found.starts_at.utcoffset() == timedelta(0)
    assert found.starts_at.tzinfo is UTC
    assert timezone(timedelta(hours=2)) != found.starts_at.tzinfo


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "a", "app": "b", "job": "c"}, "a"),
        ({"app": "b", "job": "c"}, "b"),
        ({"service": " ", "job": "c"}, "c"),
        ({"alertname": "x"}, ""),
    ],
)
def test_the_service_is_the_first_label_that_names_one(
    labels: dict[str, str], service: str
) -> None:
    assert read(labels=labels).service == service


@pytest.mark.parametrize("word", ["page", "", ...])
def test_a_severity_nobody_knows_is_medium_and_flagged(word: Any) -> None:
    labels = {"alertname": "x"} | ({} if word is ... else {"severity": word})
    found = read(labels=labels)
    assert (found.severity, found.is_severity_mapped) == (Severity.MEDIUM, False)


def test_without_a_fingerprint_the_labels_tell_alerts_apart() -> None:
    one = read(fingerprint=...)
    same = read(fingerprint="", startsAt="2026-03-01T11:58:00Z")
    other = read(fingerprint=..., labels={"alertname": "Other"})
    assert one.dedup_key == same.dedup_key != other.dedup_key
    assert len(read(fingerprint="f" * (MAX_KEY + 1)).dedup_key) <= MAX_KEY


def test_long_texts_are_cut_to_what_can_be_stored() -> None:
    assert len(read(annotations={"summary": "x" * 1000}).title) == MAX_TITLE


def test_text_no_database_can_hold_is_replaced() -> None:
    found = read(annotations={"summary": "a\x00b\ud800c"}, labels={"x\x00": "y\x00"})
    assert "\x00" not in found.title
    found.title.encode()
    assert found.labels == {"x\N{REPLACEMENT CHARACTER}": "y\N{REPLACEMENT CHARACTER}"}


def test_an_alert_without_words_is_called_so() -> None:
    assert read(labels={"job": "x"}, annotations=...).title == "alert without a name"


def test_alerts_the_sender_left_out_are_counted() -> None:
    assert alertmanager.parse(told(body(truncatedAlerts=7))).left_out == 7
    assert alertmanager.parse(told(body(truncatedAlerts=None))).left_out == 0
    assert alertmanager.parse(told(body())).left_out == 0


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "the body"),
        ("firing", "the body"),
        (body(version="3"), "version"),
        (body(version=4), "version"),
        (body(version=...), "version"),
        (body(alerts=...), "alerts"),
        (body(alerts={}), "alerts"),
        (body(alerts=[]), "alerts"),
        (body(truncatedAlerts=-1), "truncatedAlerts"),
        (body(truncatedAlerts=True), "truncatedAlerts"),
        (body(truncatedAlerts="7"), "truncatedAlerts"),
        (body(alert(), 7), "alerts[1]"),
        (body(alert(status=...)), "alerts[0].status"),
        (body(alert(status="ok")), "alerts[0].status"),
        (body(alert(status=["firing"])), "alerts[0].status"),
        (body(alert(status={"is": "firing"})), "alerts[0].status"),
        (body(alert(labels=...)), "alerts[0].labels"),
        (body(alert(labels={})), "alerts[0].labels"),
        (body(alert(labels=["a"])), "alerts[0].labels"),
        (body(alert(labels={"a": 1})), "alerts[0].labels.a"),
        (body(alert(annotations={"summary": []})), "alerts[0].annotations.summary"),
        (body(alert(), alert(startsAt=...)), "alerts[1].startsAt"),
        (body(alert(startsAt="yesterday")), "alerts[0].startsAt"),
        (body(alert(startsAt="2026-03-01T12:00:00")), "alerts[0].startsAt"),
        (body(alert(startsAt=1772366400)), "alerts[0].startsAt"),
        (body(alert(endsAt="later")), "alerts[0].endsAt"),
        (body(alert(fingerprint=5)), "alerts[0].fingerprint"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(document: object, field: str) -> None:
    wrong = refused(document)
    assert wrong.field == field
    assert str(wrong).startswith(f"{field}: expected ")


def test_the_refusal_says_what_came_instead() -> None:
    assert "got nothing" in str(refused(body(alert(startsAt=...))))
    assert "got 'yesterday'" in str(refused(body(alert(startsAt="yesterday"))))


def test_as_many_alerts_as_one_delivery_may_hold() -> None:
    one = alert()
    most = told(body(*[one] * MAX_ALERTS))
    assert len(alertmanager.parse(most).alerts) == MAX_ALERTS == 5000
    with pytest.raises(Malformed, match=r"^alerts: expected at most 5000 alerts .* got 5001$"):
        alertmanager.parse(told(body(*[one] * (MAX_ALERTS + 1))))
