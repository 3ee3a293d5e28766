"""Signatures made by other hands than ours: OpenSSL's, and the example that GitHub publishes.

What our own fakes sign proves only that we agree with ourselves.
"""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from incidents.ingest.trust.claims import Arrival, Held, Trusted, Untrusted, Verdict
from incidents.ingest.trust.judge import SIGNABLE, judge
from tests.fakes.payloads.cloudwatch import TOPIC

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT = str(int(NOW.timestamp()))
KEY = "a key with ünïcode/+="
BODY = '{"title":  "Überlast ☎", "n": 1.0}\n'.encode()


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    command = ["openssl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def mac(message: bytes, key: str = KEY) -> str:
    said = openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"key:{key}", given=message)
    return said.decode().rpartition("= ")[2].strip()


SIGNED: dict[str, Callable[[bytes], dict[str, str]]] = {
    "generic": lambda body: {"x-airra-signature": f"t={AT},v1={mac(f'{AT}.'.encode() + body)}"},
    "grafana": lambda body: {
        "x-grafana-alerting-signature": mac(f"{AT}:".encode() + body),
        "x-grafana-alerting-timestamp": AT,
    },
    "pagerduty": lambda body: {"x-pagerduty-signature": f"v1={'0' * 64},v1={mac(body)}"},
    "sentry": lambda body: {"sentry-hook-signature": mac(body), "sentry-hook-timestamp": AT},
    "github": lambda body: {"x-hub-signature-256": f"sha256={mac(body)}"},
}


def verdict(kind: str, headers: dict[str, str], body: bytes = BODY, *, key: str = KEY) -> Verdict:
    arrival = Arrival(body, NOW, headers)
    return judge(kind, arrival, [Held(1, key=b"another one"), Held(2, key=key.encode())])


def test_every_kind_that_signs_is_here() -> None:
    assert set(SIGNED) == SIGNABLE


@pytest.mark.parametrize("kind", sorted(SIGNED))
def test_what_openssl_signed_is_trusted_and_nothing_else(kind: str) -> None:
    headers = SIGNED[kind](BODY)
    assert verdict(kind, headers) == Trusted(2)
    assert isinstance(verdict(kind, headers, BODY.strip()), Untrusted)
    assert isinstance(verdict(kind, headers, key="almost"), Untrusted)


def test_grafana_signs_the_body_alone_where_no_header_for_the_time_is_set() -> None:
    assert verdict("grafana", {"x-grafana-alerting-signature": mac(BODY)}) == Trusted(2)


def test_the_example_that_github_publishes_is_trusted() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries."""
    signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={signature}"}
    key = "It's a Secret to Everybody"
    assert verdict("github", headers, b"Hello, World!", key=key) == Trusted(2)


class Amazon:
    """A key and a certificate of OpenSSL's, and messages that it signs with them."""

    def __init__(self, place: Path) -> None:
        self.key = str(place / "key.pem")
        pem = str(place / "certificate.pem")
        subject = ("-subj", "/CN=sns.amazonaws.com", "-days", "2")
        openssl("req", "-x509", "-nodes", "-newkey", "rsa:2048", *subject, "-keyout", self.key,
                "-out", pem)  # fmt: skip
        self.certificate = Path(pem).read_bytes()

    def signed(self, message: dict[str, str], version: str) -> bytes:
        text = "".join(f"{name}\n{message[name]}\n" for name in sorted(message))
        way = {"1": "-sha1", "2": "-sha256"}[version]
        signature = openssl("dgst", way, "-sign", self.key, given=text.encode())
        return json.dumps(
            {
                **message,
                "SignatureVersion": version,
                "Signature": base64.b64encode(signature).decode(),
                "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/of-openssl.pem",
                "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
            }
        ).encode()


NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": 'ALARM: "Überlast"',
    "Message": '{"AlarmName": "Überlast",\n "NewStateValue": "ALARM"}',
}
CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
    "Token": "2336412f37",
    "TopicArn": TOPIC,
    "Message": "You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL.",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336",
}
without_subject = {name: text for name, text in NOTIFICATION.items() if name != "Subject"}


@pytest.fixture(scope="module")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Amazon:
    return Amazon(tmp_path_factory.mktemp("amazon"))


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("message", [NOTIFICATION, without_subject, CONFIRMATION])
def test_what_openssl_signed_as_sns_does_is_trusted_and_nothing_else(
    amazon: Amazon, message: dict[str, str], version: str
) -> None:
    now = datetime.now(tz=UTC)
    told = {**message, "Timestamp": (now - timedelta(minutes=1)).isoformat()}
    body = amazon.signed(told, version)

    def judged(body: bytes, *topics: str) -> Any:
        return judge(
            "cloudwatch_sns",
            Arrival(body, now),
            [],
            topics=topics,
            certificates=lambda _: amazon.certificate,
        )

    assert judged(body, TOPIC) == Trusted()
    assert isinstance(judged(body, "arn:aws:sns:eu-west-1:1:another"), Untrusted)
    for name, text in told.items():
        if name not in {"Type", "TopicArn", "Timestamp"}:
            spoilt = {**json.loads(body), name: text + "x"}
            assert isinstance(judged(json.dumps(spoilt).encode(), TOPIC), Untrusted), name
    other = {"1": "2", "2": "1"}[version]
    swapped = json.dumps({**json.loads(body), "SignatureVersion": other}).encode()
    assert isinstance(judged(swapped, TOPIC), Untrusted)
