"""What trips readers of PagerDuty's webhooks, and what a stand-in for its Events API must keep."""

from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.ingest.alerts import MAX_KEY, Malformed, NewAlert, NewChange
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import pagerduty
from tests.fakes.payloads.sent import NOW, Sent

Status = AlertStatus
LATER = "2026-03-01T11:59:00Z"


def told(event_type: str, at: str = LATER, **fields: Any) -> NewAlert:
    sent = pagerduty.webhook(event_type, at, **fields)
    (found,) = read("pagerduty", sent.message(), mapping=None).alerts
    return found


def event(sent: Sent) -> NewAlert:
    (found,) = read("pagerduty_events", sent.message(), mapping=None).alerts
    return found


def changed(sent: Sent) -> NewChange:
    (found,) = read("pagerduty_events", sent.message(), mapping=None).changes
    return found


def refused(kind: str, sent: Sent) -> str:
    with pytest.raises(Malformed) as caught:
        read(kind, sent.message(), mapping=None)
    return caught.value.field


@pytest.mark.parametrize(
    ("event_type", "state", "status"),
    [
        ("incident.triggered", "triggered", Status.FIRING),
        ("incident.acknowledged", "acknowledged", Status.ACKNOWLEDGED),
        ("incident.unacknowledged", "triggered", Status.FIRING),
        ("incident.resolved", "resolved", Status.RESOLVED),
        ("incident.reopened", "triggered", Status.FIRING),
        ("incident.escalated", "triggered", Status.FIRING),
        ("incident.escalated", "acknowledged", Status.ACKNOWLEDGED),
        ("incident.reassigned", "acknowledged", Status.ACKNOWLEDGED),
        ("incident.delegated", "triggered", Status.FIRING),
        ("incident.priority_updated", "resolved", Status.RESOLVED),
        ("incident.something_new", "acknowledged", Status.ACKNOWLEDGED),
    ],
)
def test_every_event_about_an_incident_has_its_status(
    event_type: str, state: str, status: Status
) -> None:
    assert told(event_type, status=state).status == status


def test_a_status_nobody_knows_is_refused_where_the_event_does_not_tell_it() -> None:
    unclear = pagerduty.webhook("incident.escalated", status="sleeping")
    assert refused("pagerduty", unclear) == "event.data.status"
    assert told("incident.resolved", status="sleeping").status == Status.RESOLVED


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("incident.annotated", "incident_note"),
        ("incident.status_update_published", "incident_status_update"),
        ("incident.responder.added", "incident_responder"),
        ("incident.responder.replied", "incident_responder"),
        ("service.updated", "service"),
        ("pagey.ping", "ping"),
    ],
)
def test_what_changes_no_alert_is_a_note(event_type: str, kind: str) -> None:
    sent = pagerduty.webhook(event_type, data={"id": "P2LA89X", "type": kind})
    batch = read("pagerduty", sent.message(), mapping=None)
    assert batch.alerts == ()
    assert event_type in batch.note


def test_a_reopened_incident_begins_anew_though_it_was_created_long_ago() -> None:
    found = told("incident.reopened")
    assert found.starts_at == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert found.is_start_told
    assert found.dedup_key == told("incident.triggered").dedup_key


@pytest.mark.parametrize("event_type", ["incident.acknowledged", "incident.escalated"])
def test_an_event_in_the_middle_tells_no_start(event_type: str) -> None:
    """Its `created_at` may be that of an episode that ended before the incident was reopened."""
    assert not told(event_type).is_start_told


def test_a_resolved_incident_ended_when_that_occurred() -> None:
    found = told("incident.resolved", status="resolved")
    assert found.ends_at == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)


def test_the_priority_comes_before_the_urgency() -> None:
    assert told("incident.triggered").severity == Severity.CRITICAL
    high, low = (told("incident.triggered", priority=None, urgency=u) for u in ("high", "low"))
    assert (high.severity, low.severity) == (Severity.HIGH, Severity.LOW)
    assert high.is_severity_mapped
    assert low.is_severity_mapped
    none = told("incident.triggered", priority=None, urgency=...)
    assert (none.severity, none.is_severity_mapped) == (Severity.MEDIUM, False)


def test_the_service_is_its_summary_or_its_id() -> None:
    assert told("incident.triggered").service == "API Service"
    assert told("incident.triggered", service={"id": "PF9KMXH"}).service == "PF9KMXH"
    assert told("incident.triggered", service=None).service == ""


def test_the_key_that_other_senders_know_is_kept() -> None:
    labels = told("incident.triggered").labels or {}
    assert labels["incident_key"] == "d3640fbd41094207a1c11e58e46b1662"


def test_a_retried_webhook_is_known_by_its_event() -> None:
    sent = pagerduty.webhook("incident.triggered")
    retried = Sent(sent.body, headers={"x-pagerduty-signature": "v1=11,v1=22"})
    assert identity("pagerduty", sent.message()) == identity("pagerduty", retried.message())
    assert identity("pagerduty", sent.but(("event", "id"), ...).message()) == ""


def test_the_routing_key_is_a_secret_and_appears_nowhere() -> None:
    for sent in (pagerduty.event(), pagerduty.follow_up("resolve"), pagerduty.change()):
        batch = read("pagerduty_events", sent.message(), mapping=None)
        assert "samplekeyhere" not in repr(batch)
        rotated = sent.but(("routing_key",), "anotherkey")
        assert read("pagerduty_events", rotated.message(), mapping=None) == batch


def test_a_follow_up_needs_its_key_and_nothing_else() -> None:
    assert event(pagerduty.follow_up("acknowledge")).status == Status.ACKNOWLEDGED
    over = event(pagerduty.follow_up("resolve"))
    assert (over.status, over.ends_at) == (Status.RESOLVED, NOW)
    for action in ("acknowledge", "resolve"):
        keyless = pagerduty.follow_up(action).but(("dedup_key",), ...)
        assert refused("pagerduty_events", keyless) == "dedup_key"


def test_a_trigger_without_a_severity_is_taken_and_flagged() -> None:
    """Alertmanager leaves it empty where the alerts of a group differ, and drops a refused one."""
    for severity in ("", ..., None):
        found = event(pagerduty.event(severity=severity))
        assert (found.severity, found.is_severity_mapped) == (Severity.MEDIUM, False)


def test_a_trigger_without_a_key_gets_one_that_a_resolve_can_use() -> None:
    keyless = pagerduty.event().but(("dedup_key",), ...)
    given = event(keyless).dedup_key
    assert given == event(keyless.but(("payload", "timestamp"), None)).dedup_key
    assert given != event(keyless.but(("payload", "source"), "prod-db-2")).dedup_key
    over = pagerduty.follow_up("resolve").but(("dedup_key",), given)
    assert event(over).dedup_key == given


def test_a_key_may_have_as_many_letters_as_pagerduty_allows() -> None:
    long = event(pagerduty.event().but(("dedup_key",), "k" * 255))
    assert 0 < len(long.dedup_key) <= MAX_KEY
    assert long.dedup_key != event(pagerduty.event().but(("dedup_key",), "k" * 254)).dedup_key
    assert refused("pagerduty_events", pagerduty.event().but(("dedup_key",), "k" * 256)) == (
        "dedup_key"
    )


@pytest.mark.parametrize(
    ("missing", "service"), [((), "mysql"), (("component",), "prod-datapipe"),
                             (("component", "group"), "prod-db-1")]
)  # fmt: skip
def test_the_service_is_component_then_group_then_source(
    missing: tuple[str, ...], service: str
) -> None:
    absent: dict[str, Any] = dict.fromkeys(missing, ...)
    assert event(pagerduty.event(**absent)).service == service


def test_details_of_any_shape_are_kept_as_text() -> None:
    annotations = event(pagerduty.event()).annotations or {}
    assert annotations == {"free space": "1%", "load": "0.32", "nested": '{"a": [1]}'}
    assert event(pagerduty.event(custom_details="just words")).description == "just words"
    assert event(pagerduty.event(custom_details=[1])).annotations == {}


def test_the_page_is_the_first_link_or_the_client() -> None:
    assert event(pagerduty.event()).url == "https://runbooks.example/disk"
    assert event(pagerduty.event().but(("links",), [])).url == "https://monitor.example"


def test_an_event_has_no_identity_because_it_need_not_hold_a_time() -> None:
    assert identity("pagerduty_events", pagerduty.event().message()) == ""


def test_a_change_comes_by_its_own_channel() -> None:
    found = changed(pagerduty.change())
    assert (found.kind, found.service, found.revision) == ("deploy", "payments", "a1b2c3")
    assert found.at == datetime(2026, 3, 1, 11, 50, tzinfo=UTC)
    assert found.url == "https://ci.example/2"
    assert changed(pagerduty.change(custom_details=...)).service == "build-pipeline"
    assert refused("pagerduty_events", pagerduty.change(summary="")) == "payload.summary"


def test_the_same_change_again_is_the_same_change() -> None:
    assert changed(pagerduty.change()) == changed(pagerduty.change())
    other = changed(pagerduty.change(timestamp="2026-03-01T11:51:00Z"))
    assert other.dedup_key != changed(pagerduty.change()).dedup_key


def test_a_change_event_on_the_alert_channel_is_refused() -> None:
    misdirected = Sent(pagerduty.change().body)
    assert refused("pagerduty_events", misdirected) == "event_action"
