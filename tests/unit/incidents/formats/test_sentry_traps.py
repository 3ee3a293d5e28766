"""What trips readers of Sentry's hooks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from incidents.ingest.alerts import Batch, Malformed, NewAlert
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import sentry
from tests.fakes.payloads.sent import NOW, Sent

Status = AlertStatus
FIRST_SEEN = datetime(2026, 3, 1, 11, 50, 0, 679000, tzinfo=UTC)
SENT_AT = datetime(2026, 3, 1, 11, 58, tzinfo=UTC)


def batch(sent: Sent) -> Batch:
    return read("sentry", sent.message(), mapping=None)


def the_alert(sent: Sent) -> NewAlert:
    (found,) = batch(sent).alerts
    return found


def test_an_alert_rule_is_joined_with_its_issue_so_that_the_issue_ends_it() -> None:
    fired = the_alert(sentry.event_alert())
    over = the_alert(sentry.issue("resolved"))
    assert fired.dedup_key == the_alert(sentry.issue()).dedup_key == over.dedup_key
    assert (fired.status, over.status) == (Status.FIRING, Status.RESOLVED)
    assert (fired.service, fired.labels) == ("payments", {"rule": "Very Important Alert Rule!"})


@pytest.mark.parametrize(
    ("sent", "path", "field"),
    [
        (sentry.event_alert(), ("data", "event", "issue_id"), "data.event.issue_id"),
        (sentry.metric_alert(), ("data", "metric_alert", "id"), "data.metric_alert.id"),
        (sentry.metric_alert(), ("data", "metric_alert", "alert_rule"),
         "data.metric_alert.alert_rule"),
        (sentry.metric_alert(), ("action",), "action"),
    ],
)  # fmt: skip
def test_what_names_an_alert_is_needed(sent: Sent, path: tuple[str, ...], field: str) -> None:
    with pytest.raises(Malformed) as caught:
        the_alert(sent.but(path, ...))
    assert caught.value.field == field


def test_an_alert_rule_only_ever_fires() -> None:
    with pytest.raises(Malformed, match=r'action: expected "triggered"'):
        the_alert(replace(sentry.event_alert(), body=sentry.event_alert().body | {"action": "ok"}))


@pytest.mark.parametrize("substatus", ["regressed", "escalating", "ongoing"])
def test_a_reopened_issue_begins_when_the_hook_was_sent_and_not_when_first_seen(
    substatus: str,
) -> None:
    found = the_alert(sentry.issue("unresolved", substatus=substatus))
    assert found.status == Status.FIRING
    assert (found.starts_at, found.is_start_told) == (SENT_AT, True)
    assert the_alert(sentry.issue()).starts_at == FIRST_SEEN


def test_an_issue_ends_when_the_hook_was_sent_because_it_was_last_seen_before_it_began_anew() -> (
    None
):
    found = the_alert(sentry.issue("resolved"))
    assert found.ends_at == SENT_AT
    bare = replace(sentry.issue("resolved"), headers={"sentry-hook-resource": "issue"})
    assert the_alert(bare).ends_at == NOW


@pytest.mark.parametrize("action", ["archived", "ignored"])
def test_an_archived_issue_is_suppressed_and_never_over(action: str) -> None:
    found = the_alert(sentry.issue(action, status="ignored", substatus="archived_forever"))
    assert (found.status, found.ends_at, found.is_start_told) == (Status.SUPPRESSED, None, False)


def test_who_it_is_assigned_to_changes_no_alert() -> None:
    found = batch(sentry.issue("assigned"))
    assert (found.alerts, "assigned" in found.note) == ((), True)


@pytest.mark.parametrize(
    ("action", "status", "severity"),
    [
        ("critical", Status.FIRING, Severity.CRITICAL),
        ("warning", Status.FIRING, Severity.MEDIUM),
        ("resolved", Status.RESOLVED, Severity.MEDIUM),
    ],
)
def test_a_metric_alert_has_its_status_and_severity_from_the_action(
    action: str, status: Status, severity: Severity
) -> None:
    found = the_alert(sentry.metric_alert(action))
    assert (found.status, found.severity) == (status, severity)
    assert (found.title, found.service) == ("Too many errors", "payments")
    assert found.dedup_key == the_alert(sentry.metric_alert()).dedup_key == "metric:7:4"


def test_a_metric_alert_may_end_without_saying_when() -> None:
    assert the_alert(sentry.metric_alert("resolved")).ends_at == SENT_AT
    closed = sentry.metric_alert("resolved", date_closed="2026-03-01T11:57:00Z")
    assert the_alert(closed).ends_at == datetime(2026, 3, 1, 11, 57, tzinfo=UTC)


def test_a_metric_alert_over_several_projects_names_no_single_service() -> None:
    found = the_alert(sentry.metric_alert(projects=["cart", "payments"]))
    assert (found.service, found.labels) == ("", {"projects": "cart, payments"})


def test_a_metric_alert_and_an_issue_of_the_same_number_are_two() -> None:
    one, two = sentry.metric_alert(id="7"), sentry.issue(id="7")
    assert the_alert(one).dedup_key != the_alert(two).dedup_key


@pytest.mark.parametrize(
    "sent", [sentry.issue(), sentry.event_alert(), sentry.metric_alert()], ids=lambda s: s.headers[
        "sentry-hook-resource"]
)  # fmt: skip
def test_a_hook_whose_header_was_lost_is_known_by_its_content(sent: Sent) -> None:
    bare = replace(sent, headers={"sentry-hook-timestamp": str(sentry.SENT_AT)})
    assert the_alert(bare) == the_alert(sent)


@pytest.mark.parametrize("resource", ["installation", "comment", "error", "seer"])
def test_hooks_about_something_else_are_a_note(resource: str) -> None:
    found = batch(sentry.hook(resource, "created", {"x": 1}))
    assert (found.alerts, resource in found.note) == ((), True)


def test_a_retry_under_the_same_request_is_the_same_delivery() -> None:
    sent = sentry.issue("resolved")
    assert identity("sentry", sent.message()) == identity("sentry", sent.message())
    other = replace(sent, headers=dict(sent.headers) | {"request-id": "another"})
    assert identity("sentry", other.message()) != identity("sentry", sent.message())
    assert identity("sentry", replace(sent, headers={}).message()) == ""


def test_one_request_id_under_two_bodies_is_two_deliveries() -> None:
    """What Sentry does with the header on a retry is not documented, so nothing hangs on it."""
    one = sentry.issue("resolved")
    two = replace(sentry.issue("unresolved"), headers=one.headers)
    assert identity("sentry", one.message()) != identity("sentry", two.message())


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "99999999999999", "1772366280.5", "²" * 10])
def test_a_stamp_that_is_no_time_says_nothing(stamp: str) -> None:
    sent = sentry.issue("resolved")
    headers = dict(sent.headers) | {"sentry-hook-timestamp": stamp}
    assert the_alert(replace(sent, headers=headers)).ends_at == NOW
