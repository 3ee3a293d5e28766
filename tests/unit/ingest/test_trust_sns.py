"""Messages of SNS: both signature versions, every signed field, and hosts that look like it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.ingest.trust.claims import (
    Arrival,
    Trusted,
    Unavailable,
    Undecided,
    Untrusted,
    Verdict,
)
from incidents.ingest.trust.judge import judge
from incidents.ingest.trust.sns import is_of_sns
from tests.fakes.sns_signer import Signer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
AT = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
SIGNER = Signer.made(until=NOW + timedelta(days=30))
TOLD = {
    "Type": "Notification",
    "MessageId": "m-9",
    "TopicArn": TOPIC,
    "Subject": "ALARM: api-5xx",
    "Message": '{"AlarmName": "api-5xx"}',
    "Timestamp": "2026-03-01T11:59:00.000Z",
    "SigningCertURL": AT,
}
ASKS = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "m-2",
    "Token": "t",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription",
    "Timestamp": "2026-03-01T11:59:00.000Z",
    "SigningCertURL": AT,
}

OTHER_TYPE = json.dumps(SIGNER.signed(TOLD) | {"Type": "Other"}).encode()


def asked(
    message: dict[str, Any] | bytes, *, topics: tuple[str, ...] = (TOPIC,), pem: bytes = SIGNER.pem
) -> Verdict:
    fetched: list[str] = []

    def certificates(url: str) -> bytes:
        fetched.append(url)
        return pem

    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    verdict = judge(
        "cloudwatch_sns", Arrival(body, NOW), [], topics=topics, certificates=certificates
    )
    assert set(fetched) <= {AT}, "nothing but the certificate of a listed topic is fetched"
    return verdict


def reason(verdict: Verdict) -> str:
    assert isinstance(verdict, Untrusted), verdict
    return verdict.reason


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("message", [TOLD, ASKS, {**ASKS, "Type": "UnsubscribeConfirmation"}])
def test_what_amazon_signed_is_trusted(message: dict[str, Any], version: str) -> None:
    assert asked(SIGNER.signed(message, version=version)) == Trusted()


def test_a_message_without_a_subject_is_signed_without_it() -> None:
    message = {name: value for name, value in TOLD.items() if name != "Subject"}
    assert asked(SIGNER.signed(message)) == Trusted()


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp"])
def test_every_signed_field_of_a_notification_counts(name: str) -> None:
    changed = {**SIGNER.signed(TOLD), name: TOLD[name].replace("9", "8").replace("a", "e")}
    assert reason(asked(changed)) == "its signature is not of the certificate it names"


@pytest.mark.parametrize("name", ["SubscribeURL", "Token"])
def test_where_to_confirm_is_signed(name: str) -> None:
    changed = {**SIGNER.signed(ASKS), name: "https://sns.eu-west-1.amazonaws.com/?other"}
    assert reason(asked(changed)) == "its signature is not of the certificate it names"


def test_a_signature_of_version_1_does_not_pass_as_2() -> None:
    mixed = {**SIGNER.signed(TOLD, version="1"), "SignatureVersion": "2"}
    assert "not of the certificate" in reason(asked(mixed))
    unknown = {**SIGNER.signed(TOLD), "SignatureVersion": "3"}
    assert "neither 1 nor 2" in reason(asked(unknown))


def test_a_topic_that_is_not_listed_is_refused_before_anything_is_fetched() -> None:
    def never(url: str) -> bytes:
        raise AssertionError(url)

    other = "arn:aws:sns:eu-west-1:999999999999:mine"
    body = json.dumps(SIGNER.signed({**TOLD, "TopicArn": other})).encode()
    verdict = judge("cloudwatch_sns", Arrival(body, NOW), [], topics=[TOPIC], certificates=never)
    assert verdict == Untrusted(
        f"the topic {other} is not listed for this integration", is_signed=True
    )


def test_a_certificate_elsewhere_is_never_fetched() -> None:
    message = SIGNER.signed({**TOLD, "SigningCertURL": "https://evil.example/a.pem"})
    assert reason(asked(message)) == "its certificate is not at an address of SNS"


@pytest.mark.parametrize("hours", [-3, 3])
def test_an_old_message_is_not_sent_again_by_somebody_else(hours: int) -> None:
    at = (NOW + timedelta(hours=hours)).isoformat()
    assert "more than 7200 s" in reason(asked(SIGNER.signed({**TOLD, "Timestamp": at})))


def test_a_certificate_must_be_valid_and_amazons_key() -> None:
    old = Signer.made(until=NOW - timedelta(days=1))
    message = old.signed(TOLD)
    assert reason(asked(message, pem=old.pem)) == "its certificate was not valid when it arrived"
    assert "not of the certificate" in reason(asked(message))
    assert "is none" in reason(asked(message, pem=b"<html>"))


def test_a_certificate_that_cannot_be_had_decides_nothing() -> None:
    def away(url: str) -> bytes:
        msg = "cannot connect"
        raise Unavailable(msg)

    body = json.dumps(SIGNER.signed(TOLD)).encode()
    verdict = judge("cloudwatch_sns", Arrival(body, NOW), [], topics=[TOPIC], certificates=away)
    assert verdict == Undecided("its certificate could not be had: cannot connect")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"Type": "Notification"}',
        b'{"Type": 1}',
        json.dumps(SIGNER.signed(TOLD) | {"Type": "Other"}).encode(),
        b"[" * 5000,
        b'{"AlarmName": "cpu", "NewStateValue": "ALARM"}',  # as raw message delivery brings it
    ],
)
def test_anything_else_is_no_message(body: bytes) -> None:
    assert reason(asked(body)) == "it is no signed message of SNS: is raw message delivery on?"


@pytest.mark.parametrize(
    "url",
    [
        AT,
        "https://SNS.us-east-1.amazonaws.com/a.pem",
        "https://sns.cn-north-1.amazonaws.com.cn/a.pem",
        "https://sns.eu-west-1.amazonaws.com:443/a.pem",
    ],
)
def test_hosts_of_sns(url: str) -> None:
    assert is_of_sns(url, suffix=".pem")


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu.west.amazonaws.com/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem\r\nHost: evil.example",
        "https://sns.eu-west-1.amazonaws.com\\.evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x=1",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.eu-west-1.amazonaws.com:x/a.pem",
        "https://sns.eu-west-1.amazonaws。com/a.pem",
    ],
)
def test_what_only_looks_like_one(url: str) -> None:
    assert not is_of_sns(url, suffix=".pem")
