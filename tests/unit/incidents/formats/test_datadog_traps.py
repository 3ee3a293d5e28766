"""What trips readers of Datadog's webhook."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from incidents.ingest.alerts import Malformed, NewAlert
from incidents.ingest.formats.datadog import TEMPLATE
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import datadog
from tests.fakes.payloads.sent import NOW, Sent

Status = AlertStatus


def the_alert(sent: Sent) -> NewAlert:
    (found,) = read("datadog", sent.message(), mapping=None).alerts
    return found


def test_the_template_that_is_shown_is_json_of_variables() -> None:
    assert FORMATS["datadog"].template == TEMPLATE
    shown = json.loads(TEMPLATE)
    assert all(value == f"${name.upper()}" for name, value in shown.items())
    assert {"id", "alert_cycle_key", "alert_transition", "last_updated"} <= set(shown)


@pytest.mark.parametrize(
    "transition",
    [
        "Recovered",
        "Warn Recovered",
        "No Data Recovered",
        "Alert Recovered",
        "Re-Warn Recovered",
        "recovered",
    ],
)
def test_whatever_ends_in_recovered_is_over(transition: str) -> None:
    found = the_alert(datadog.resolved(transition))
    assert found.status == Status.RESOLVED
    assert found.dedup_key == the_alert(datadog.firing()).dedup_key
    assert found.ends_at == datetime(2026, 3, 1, 11, 58, tzinfo=UTC)


@pytest.mark.parametrize("transition", ["Triggered", "Warn", "Something New"])
def test_a_transition_that_is_not_an_end_fires(transition: str) -> None:
    found = the_alert(datadog.firing(alert_transition=transition))
    assert (found.status, found.is_start_told) == (Status.FIRING, True)


@pytest.mark.parametrize("transition", ["Re-Triggered", "Re-Warn", "Renotify"])
def test_a_reminder_is_no_beginning(transition: str) -> None:
    found = the_alert(datadog.firing(alert_transition=transition))
    assert (found.status, found.is_start_told) == (Status.FIRING, False)


@pytest.mark.parametrize("transition", ["No Data", "Re-No Data"])
def test_no_data_is_a_state_of_its_own(transition: str) -> None:
    assert the_alert(datadog.firing(alert_transition=transition)).status == Status.NO_DATA


def test_one_cycle_is_one_alert_and_the_next_another() -> None:
    key = the_alert(datadog.firing()).dedup_key
    warned = datadog.firing(alert_transition="Warn", id="8", alert_scope="else", aggreg_key="z")
    assert the_alert(warned).dedup_key == key == "28372837283728372"
    assert the_alert(datadog.firing(alert_cycle_key="9")).dedup_key != key


@pytest.mark.parametrize("nothing", ["", "null", "$ALERT_CYCLE_KEY", None, ...])
def test_without_a_cycle_the_aggregate_names_it(nothing: object) -> None:
    found = the_alert(datadog.firing(alert_cycle_key=nothing))
    assert found.dedup_key == "9bd4ac313a4d1e8fae2482df7b77628"


def test_without_both_the_monitor_and_its_scope_name_it() -> None:
    bare = {"alert_cycle_key": "", "aggreg_key": ""}
    one = the_alert(datadog.firing(**bare)).dedup_key
    assert one == the_alert(datadog.resolved(**bare)).dedup_key
    assert one != the_alert(datadog.firing(**bare, alert_scope="host:b")).dedup_key
    assert one != the_alert(datadog.firing(**bare, alert_id="2")).dedup_key
    with pytest.raises(Malformed, match="alert_cycle_key: expected the key of the alert's cycle"):
        the_alert(datadog.firing(**bare, alert_id=""))


@pytest.mark.parametrize(
    ("priority", "kind", "severity"),
    [
        ("P1", "info", Severity.CRITICAL),
        ("", "error", Severity.HIGH),
        ("", "warning", Severity.MEDIUM),
        ("null", "info", Severity.INFO),
        ("$ALERT_PRIORITY", "success", Severity.INFO),
        ("P5", "success", Severity.INFO),
    ],
)
def test_the_priority_comes_before_the_type(priority: str, kind: str, severity: Severity) -> None:
    found = the_alert(datadog.firing(alert_priority=priority, alert_type=kind))
    assert (found.severity, found.is_severity_mapped) == (severity, True)


@pytest.mark.parametrize(
    ("tags", "service"),
    [
        ("monitor,service:payments", "payments"),
        ("env:prod, service:a,service:b", "a"),
        ("services:x", "web-1"),
        ("", "web-1"),
        ("service:", "web-1"),
        ("null", "web-1"),
    ],
)
def test_the_service_is_a_tag_or_else_the_host(tags: str, service: str) -> None:
    assert the_alert(datadog.firing(tags=tags)).service == service


@pytest.mark.parametrize("date", [1772365800000, "1772365800000", 1772365800, "1772365800"])
def test_a_date_is_milliseconds_as_text_or_number(date: object) -> None:
    assert the_alert(datadog.firing(date=date)).starts_at == datetime(
        2026, 3, 1, 11, 50, tzinfo=UTC
    )


def test_without_any_date_it_happened_on_arrival() -> None:
    found = the_alert(datadog.firing(date="null"))
    assert (found.starts_at, found.is_start_told) == (NOW, False)
    over = the_alert(Sent(datadog.resolved().body | {"date": "", "last_updated": ""}))
    assert over.ends_at == NOW


@pytest.mark.parametrize("body", [b"payload=%7B%22id%22%3A%221%22%7D", b"id=7&alert_id=3"])
def test_a_form_is_refused_with_what_to_switch_off(body: bytes) -> None:
    content_type = "application/x-www-form-urlencoded; charset=utf-8"
    sent = replace(datadog.firing(), body=body, content_type=content_type)
    with pytest.raises(Malformed, match="switch “Encode as form” off"):
        the_alert(sent)
    assert identity("datadog", sent.message()) == ""


@pytest.mark.parametrize("name", ["id", "alert_transition", "last_updated"])
def test_the_event_its_transition_and_its_time_make_the_delivery(name: str) -> None:
    one = identity("datadog", datadog.firing().message())
    assert identity("datadog", datadog.firing(**{name: "1772365800001"}).message()) != one
    assert identity("datadog", datadog.firing(text_only_msg="else").message()) == one
    assert identity("datadog", datadog.firing(id="$ID").message()) == ""
