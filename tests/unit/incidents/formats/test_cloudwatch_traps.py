"""What trips readers of CloudWatch's alarms, over SNS and over EventBridge."""

from datetime import UTC, datetime
from typing import Any

import pytest

from incidents.ingest.alerts import Batch, Handshake, Malformed, NewAlert
from incidents.ingest.reading import identity, read
from incidents.lifecycle import AlertStatus, Severity
from tests.fakes.payloads import cloudwatch
from tests.fakes.payloads.sent import Sent

Status = AlertStatus


def sns(sent: Sent) -> Batch:
    return read("cloudwatch_sns", sent.message(), mapping=None)


def by_sns(**fields: Any) -> NewAlert:
    (found,) = sns(cloudwatch.sns(**fields)).alerts
    return found


def by_event(sent: Sent) -> NewAlert:
    (found,) = read("eventbridge", sent.message(), mapping=None).alerts
    return found


def refused(kind: str, sent: Sent) -> Malformed:
    with pytest.raises(Malformed) as caught:
        read(kind, sent.message(), mapping=None)
    return caught.value


def test_the_alarm_is_a_text_within_the_envelope() -> None:
    assert by_sns().title == "api-5xx-critical"
    unpacked = cloudwatch.sns().but(("Message",), cloudwatch.alarm())
    wrong = refused("cloudwatch_sns", unpacked)
    assert (wrong.field, "as a text" in str(wrong)) == ("Message", True)


@pytest.mark.parametrize("text", ["hello", "", "[1", "[]", '"x"', '{"Event": "TEST"}'])
def test_a_message_that_is_no_alarm_is_refused_within_message(text: str) -> None:
    assert refused("cloudwatch_sns", cloudwatch.notification(text)).field.startswith("Message")


def test_deep_nesting_hidden_in_the_text_is_refused_too() -> None:
    deep = '{"AlarmName":' * 70 + "1" + "}" * 70
    assert refused("cloudwatch_sns", cloudwatch.notification(deep)).field == "Message"


def test_a_topic_that_asks_to_be_confirmed_is_a_handshake_and_no_alert() -> None:
    batch = sns(cloudwatch.asks())
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336"
    assert (batch.alerts, batch.handshake) == ((), Handshake(cloudwatch.TOPIC, url))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"SubscribeURL": ...}, "SubscribeURL"),
        ({"SubscribeURL": "http://sns.eu-west-1.amazonaws.com/"}, "SubscribeURL"),
        ({"SubscribeURL": "file:///etc/passwd"}, "SubscribeURL"),
        ({"TopicArn": ""}, "TopicArn"),
    ],
)
def test_a_handshake_with_no_safe_address_is_refused(fields: dict[str, Any], field: str) -> None:
    assert refused("cloudwatch_sns", cloudwatch.asks(**fields)).field == field


def test_the_end_of_a_subscription_is_a_note_and_never_confirmed() -> None:
    batch = sns(cloudwatch.asks("UnsubscribeConfirmation"))
    assert (batch.alerts, batch.handshake) == ((), None)
    assert "unsubscribed" in batch.note


def test_raw_delivery_is_refused_with_what_to_switch_off() -> None:
    wrong = refused("cloudwatch_sns", Sent(cloudwatch.alarm()))
    assert (wrong.field, "raw message delivery" in str(wrong)) == ("Type", True)


def test_the_envelope_comes_as_plain_text() -> None:
    assert cloudwatch.sns().content_type.startswith("text/plain")
    assert by_sns().status == Status.FIRING


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("ALARM", Status.FIRING),
        ("OK", Status.RESOLVED),
        ("INSUFFICIENT_DATA", Status.NO_DATA),
    ],
)
def test_each_state_is_its_own(state: str, status: Status) -> None:
    assert by_sns(NewStateValue=state).status == status
    assert by_event(cloudwatch.event_state(state)).status == status


@pytest.mark.parametrize("state", ["ok", "", None, "PENDING", 5])
def test_a_state_that_is_none_is_refused(state: object) -> None:
    wrong = refused("cloudwatch_sns", cloudwatch.sns(NewStateValue=state))
    assert wrong.field == "Message.NewStateValue"


def test_an_old_alarm_without_arn_is_known_by_account_region_and_name() -> None:
    old = {"AlarmArn": ...}
    key = by_sns(**old).dedup_key
    assert key == by_sns(**old, NewStateValue="OK").dedup_key
    assert by_sns().dedup_key == cloudwatch.ARN != key
    for name, value in (("AWSAccountId", "9"), ("Region", "x"), ("AlarmName", "y")):
        assert by_sns(**old, **{name: value}).dedup_key != key


def test_the_end_is_when_the_state_changed_and_the_start_is_not_known_then() -> None:
    over = by_sns(NewStateValue="OK", StateChangeTime=cloudwatch.ENDED)
    assert over.ends_at == datetime(2026, 3, 1, 11, 58, tzinfo=UTC)
    assert not over.is_start_told


@pytest.mark.parametrize(
    ("name", "severity", "is_mapped"),
    [
        ("api-5xx-critical", Severity.CRITICAL, True),
        ("P1 api", Severity.CRITICAL, True),
        ("[WARNING] api", Severity.MEDIUM, True),
        ("high-cpu", Severity.MEDIUM, False),
        ("error-rate", Severity.MEDIUM, False),
        ("low_disk", Severity.MEDIUM, False),
        ("uncriticaliser", Severity.MEDIUM, False),
    ],
)
def test_a_name_tells_severity_only_by_a_word_that_can_mean_nothing_else(
    name: str, severity: Severity, is_mapped: bool
) -> None:
    found = by_sns(AlarmName=name)
    assert (found.severity, found.is_severity_mapped) == (severity, is_mapped)


def test_a_tag_comes_before_the_name() -> None:
    assert by_sns(AlarmTags={"severity": "low"}).severity == Severity.LOW
    assert by_event(cloudwatch.event(alarmTags={"Severity": "P4"})).severity == Severity.LOW
    assert by_event(cloudwatch.event(alarmTags={"service": "cart"})).service == "cart"


def test_the_service_is_named_by_a_dimension() -> None:
    two = [{"name": "ClusterName", "value": "c"}, {"name": "ServiceName", "value": "cart"}]
    assert by_sns(Trigger={"Dimensions": two}).service == "cart"
    assert by_sns(Trigger={"Dimensions": two[:1]}).service == "c"
    assert by_sns(Trigger={"Dimensions": []}).service == ""


def test_an_alarm_on_an_expression_finds_its_metrics() -> None:
    metric = {"Metric": {"Dimensions": [{"name": "Service", "value": "cart"}]}}
    trigger = {"Metrics": [{"Id": "e1", "Expression": "m1/2"}, {"Id": "m1", "MetricStat": metric}]}
    assert by_sns(Trigger=trigger).service == "cart"


def test_a_composite_alarm_has_no_metric() -> None:
    (found,) = sns(cloudwatch.composite()).alerts
    assert (found.title, found.service) == ("api", "")
    assert by_event(cloudwatch.event(configuration={"alarmRule": "ALARM(x)"})).service == ""


def test_an_alarm_whose_actions_are_held_back_is_suppressed_until_it_ends() -> None:
    held = cloudwatch.event_state("ALARM", actionsSuppressedBy="WaitPeriod")
    assert by_event(held).status == Status.SUPPRESSED
    over = cloudwatch.event_state("OK", actionsSuppressedBy="Alarm")
    assert by_event(over).status == Status.RESOLVED


def test_the_state_before_is_not_the_state() -> None:
    before = {"value": "ALARM", "timestamp": cloudwatch.STARTED, "reason": ""}
    state = {"value": "OK", "timestamp": cloudwatch.ENDED, "reason": ""}
    assert by_event(cloudwatch.event(previousState=before, state=state)).status == Status.RESOLVED


def test_other_events_of_the_bus_are_a_note_or_refused() -> None:
    for of, word in (("Configuration", "configuration"), ("Contributor State", "contributor")):
        told = cloudwatch.event().but(("detail-type",), f"CloudWatch Alarm {of} Change")
        batch = read("eventbridge", told.message(), mapping=None)
        assert (batch.alerts, word in batch.note) == ((), True)
    foreign = cloudwatch.event().but(("detail-type",), "EC2 Instance State-change Notification")
    assert refused("eventbridge", foreign).field == "detail-type"


def test_both_ways_call_an_alarm_by_the_same_key() -> None:
    assert by_sns().dedup_key == by_event(cloudwatch.event()).dedup_key == cloudwatch.ARN


def test_the_delivery_is_known_by_its_message() -> None:
    sent = cloudwatch.sns()
    told = identity("cloudwatch_sns", sent.message())
    assert identity("cloudwatch_sns", sent.but(("Signature",), "x").message()) == told
    assert identity("cloudwatch_sns", sent.but(("MessageId",), "x").message()) != told
    assert identity("cloudwatch_sns", sent.but(("MessageId",), ...).message()) == ""
