"""What trips readers of Alertmanager's and Grafana's webhooks."""

import pytest

from incidents.ingest.alerts import Malformed, NewAlert
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus
from tests.fakes.payloads import alertmanager, grafana
from tests.fakes.payloads.sent import Sent

Status = AlertStatus


def alerts(kind: str, sent: Sent) -> tuple[NewAlert, ...]:
    return read(kind, sent.message(), mapping=None).alerts


def test_both_statuses_in_one_batch_are_each_their_own() -> None:
    over = alertmanager.alert(
        status="resolved", endsAt=alertmanager.ENDED, fingerprint="b", labels={"alertname": "B"}
    )
    for envelope in ("firing", "resolved"):
        both = Sent(alertmanager.body(alertmanager.alert(), over, status=envelope))
        assert [a.status for a in alerts("alertmanager", both)] == [Status.FIRING, Status.RESOLVED]


@pytest.mark.parametrize("guess", ["2026-03-01T12:04:00Z", "0001-01-01T00:00:00Z"])
def test_the_guessed_end_of_a_firing_alert_does_not_end_it(guess: str) -> None:
    (found,) = alerts("alertmanager", alertmanager.firing(endsAt=guess))
    assert (found.status, found.ends_at) == (Status.FIRING, None)


def test_what_is_told_again_each_repeat_interval_is_the_same_delivery() -> None:
    first = alertmanager.firing()
    again = first.but(("alerts", 0, "annotations", "summary"), "13 % of calls fail")
    assert again.raw != first.raw
    assert identity("alertmanager", again.message()) == identity("alertmanager", first.message())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("groupKey",), "{}:{other}"),
        (("truncatedAlerts",), 3),
        (("alerts", 0, "fingerprint"), "00"),
        (("alerts", 0, "status"), "resolved"),
        (("alerts", 0, "startsAt"), "2026-03-01T11:51:00Z"),
        (("alerts", 0, "endsAt"), "2026-03-01T11:59:00Z"),
    ],
)
def test_what_says_something_new_is_another_delivery(path: tuple[str, ...], value: object) -> None:
    first = alertmanager.firing()
    other = first.but(path, value)
    assert identity("alertmanager", other.message()) != identity("alertmanager", first.message())


def test_alerts_that_do_not_say_which_they_are_have_no_identity() -> None:
    for name in ("fingerprint", "startsAt"):
        sent = alertmanager.firing(**{name: ...})
        assert identity("alertmanager", sent.message()) == ""


@pytest.mark.parametrize("kind", ["alertmanager", "grafana"])
def test_alerts_left_out_by_a_limit_are_counted(kind: str) -> None:
    body = (alertmanager if kind == "alertmanager" else grafana).body(truncatedAlerts=7)
    batch = read(kind, Sent(body).message(), mapping=None)
    assert (batch.left_out, batch.note) == (
        7,
        "7 more alerts were left out by its sender's own limit",
    )


def test_the_page_about_it_is_the_rule() -> None:
    assert alerts("alertmanager", alertmanager.firing())[0].url.startswith("http://prometheus")
    (found,) = alerts("grafana", grafana.firing())
    assert found.url == "https://grafana.example/alerting/1afz29v7z/edit"
    (found,) = alerts("grafana", grafana.firing(generatorURL="", panelURL="https://g.example/p"))
    assert found.url == "https://g.example/p"


def test_what_grafana_calls_deprecated_is_not_read() -> None:
    lies = grafana.body(status="resolved", state="ok", title="[OK]", message="all is well")
    (found,) = alerts("grafana", Sent(lies))
    assert (found.status, found.title) == (Status.FIRING, "High memory: zone us-1")
    bare = grafana.body(title=..., state=..., message=...)
    assert alerts("grafana", Sent(bare)) == (found,)


@pytest.mark.parametrize("name", ["DatasourceNoData", "DatasourceError"])
def test_an_alert_about_the_source_is_no_data_and_names_the_rule(name: str) -> None:
    (found,) = alerts("grafana", grafana.about_the_source(name))
    assert found.status == Status.NO_DATA
    assert found.title.startswith(f"{name}: High memory")
    over = grafana.about_the_source(name, status="resolved", endsAt=grafana.ENDED)
    assert alerts("grafana", over)[0].status == Status.RESOLVED
    assert alerts("grafana", over)[0].dedup_key == found.dedup_key


def test_the_button_that_tests_a_contact_point_raises_no_alert_that_would_never_end() -> None:
    batch = read("grafana", grafana.tested().message(), mapping=None)
    assert (batch.alerts, "test notification" in batch.note) == ((), True)
    named_alike = grafana.firing(labels={"alertname": "TestAlert", "instance": "web-1"})
    assert alerts("grafana", named_alike)[0].status == Status.FIRING
    both = Sent(grafana.body(grafana.alert(), grafana.tested().body["alerts"][0]))
    assert [alert.title for alert in alerts("grafana", both)] == ["High memory: zone us-1"]


def test_the_same_fingerprint_of_two_organisations_is_two_alerts() -> None:
    one, two = (alerts("grafana", Sent(grafana.body(orgId=org)))[0] for org in (1, 2))
    assert one.dedup_key != two.dedup_key


def test_the_service_is_a_label_or_else_folder_and_rule() -> None:
    labels = {"alertname": "x", "grafana_folder": "F"}
    assert alerts("grafana", grafana.firing(labels=labels))[0].service == "F/x"
    assert alerts("grafana", grafana.firing(labels=labels | {"app": "web"}))[0].service == "web"
    assert alerts("grafana", grafana.firing(labels={"alertname": "x"}))[0].service == ""


def test_the_values_that_fired_are_kept() -> None:
    (found,) = alerts("grafana", grafana.firing())
    assert (found.annotations or {})["value B"] == "44.23"


@pytest.mark.parametrize("nothing", [None, ..., {}])
def test_values_may_be_left_out(nothing: object) -> None:
    assert alerts("grafana", grafana.firing(values=nothing))[0].status == Status.FIRING


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("alerting", Status.FIRING),
        ("ok", Status.RESOLVED),
        ("no_data", Status.NO_DATA),
        ("paused", Status.SUPPRESSED),
    ],
)
def test_the_payload_of_old_is_known_by_its_matches(state: str, status: Status) -> None:
    (found,) = alerts("grafana", grafana.legacy(state=state))
    assert (found.status, found.title) == (status, "Panel Title alert")
    assert (found.service, found.dedup_key) == ("checkout", "1:rule:17")
    assert not found.is_start_told


def test_the_payload_of_old_holds_no_time_so_it_has_no_identity() -> None:
    assert identity("grafana", grafana.legacy().message()) == ""


def test_no_matches_are_not_another_format() -> None:
    (found,) = alerts("grafana", grafana.legacy(evalMatches=[], state="no_data"))
    assert found.status == Status.NO_DATA


@pytest.mark.parametrize("fields", [{"state": "??"}, {"ruleId": ...}, {"evalMatches": "x"}])
def test_a_wrong_payload_of_old_is_refused_by_name(fields: dict[str, object]) -> None:
    with pytest.raises(Malformed) as caught:
        alerts("grafana", grafana.legacy(**fields))
    assert caught.value.field == next(iter(fields))
