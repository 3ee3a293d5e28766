"""SNS from end to end: its certificate from a real HTTPS server, and the confirmation it asks."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.contrib.auth.models import User
from django.core.cache import cache
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock, http
from incidents.models import Delivery, Workspace
from tests.fakes.payloads import cloudwatch
from tests.fakes.payloads.sent import NOW, Sent
from tests.integration.incidents.doors import SNS, Door, door

HOST = "sns.eu-west-1.amazonaws.com"
pytestmark = pytest.mark.django_db
State = Delivery.State


class Amazon:
    """What stands at SNS's host: paths with their answers, and what was asked."""

    def __init__(self, certificate: Path) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {}
        amazon = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                amazon.asked.append(self.path)
                status, body = amazon.answers.get(self.path.partition("?")[0], (404, b""))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"https://{HOST}/elsewhere.pem")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def _certificate(directory: Path) -> Path:
    """Of SNS's host, in one file with its key; valid by the real clock, which TLS looks at."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    today = datetime.now(tz=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    both = directory / "both.pem"
    both.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return both


@pytest.fixture
def amazon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Amazon]:
    """A local server that the resolver gives for SNS's host, trusted as an authority of its own."""
    certificate = _certificate(tmp_path)
    made = Amazon(certificate)
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host == HOST:
            return real("127.0.0.1", made.server.server_address[1], *args, **kwargs)
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http._trust.cache_clear()
    cache.clear()
    yield made
    http._trust.cache_clear()
    cache.clear()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def alarms(
    workspace: Workspace,
    admin_user: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Iterator["Alarms"]:
    with clock.frozen(NOW) as hands:
        made = door(workspace, "cloudwatch_sns", django_capture_on_commit_callbacks, admin_user)
        yield Alarms(made.integration, "", "", django_capture_on_commit_callbacks, hands)


class Alarms(Door):
    """Leaves the certificate to the server, not to the cache."""

    def __init__(self, *of_a_door: Any) -> None:
        super().__init__(*of_a_door[:-1])
        self.hands: clock.Hands = of_a_door[-1]

    def addressed(self, sent: Sent) -> Sent:
        told = {**sent.body, "Timestamp": NOW.isoformat()}
        return Sent(SNS.signed(told, version="1"), sent.headers, sent.content_type)


PEM_PATH = "/SimpleNotificationService-0.pem"


def test_a_certificate_is_fetched_once_and_proves_the_alarm(amazon: Amazon, alarms: Alarms) -> None:
    amazon.answers[PEM_PATH] = (200, SNS.pem)
    assert alarms.post(cloudwatch.sns()).status_code == 202
    assert alarms.post(cloudwatch.sns_resolved()).status_code == 202
    assert alarms.states() == [State.PROCESSED, State.PROCESSED]
    assert amazon.asked == [PEM_PATH]


def test_a_redirect_is_not_followed_and_the_delivery_waits(amazon: Amazon, alarms: Alarms) -> None:
    amazon.answers[PEM_PATH] = (302, b"")
    assert alarms.post(cloudwatch.sns()).status_code == 202
    assert (alarms.states(), amazon.asked) == ([State.STORED], [PEM_PATH])
    amazon.answers[PEM_PATH] = (200, SNS.pem)
    cache.clear()  # a failure is remembered for a minute
    alarms.hands.advance(seconds=61)
    alarms.sweep()
    assert alarms.states() == [State.PROCESSED]


def test_what_stays_without_a_certificate_is_not_trusted_in_the_end(
    amazon: Amazon, alarms: Alarms
) -> None:
    alarms.post(cloudwatch.sns())
    alarms.hands.advance(minutes=61)
    alarms.sweep()
    (kept,) = alarms.deliveries()
    assert (kept.state, kept.note) == (State.UNTRUSTED, "")
    assert kept.error == f"its certificate could not be had: {HOST} answered 404"


def test_a_large_certificate_is_not_read(amazon: Amazon, alarms: Alarms) -> None:
    amazon.answers[PEM_PATH] = (200, SNS.pem + b"x" * 65536)
    alarms.post(cloudwatch.sns())
    assert alarms.states() == [State.STORED]


def test_a_subscription_is_confirmed_once_it_is_proven(amazon: Amazon, alarms: Alarms) -> None:
    amazon.answers[PEM_PATH] = (200, SNS.pem)
    amazon.answers["/"] = (200, b"<ConfirmSubscriptionResponse/>")
    assert alarms.post(cloudwatch.asks()).status_code == 202
    (kept,) = alarms.deliveries()
    assert kept.note == f"The subscription is confirmed: {HOST} answered 200."
    assert amazon.asked == [PEM_PATH, "/?Action=ConfirmSubscription&Token=2336"]


def test_a_confirmation_that_fails_is_told_and_can_be_replayed(
    amazon: Amazon, alarms: Alarms, responder: User
) -> None:
    amazon.answers[PEM_PATH] = (200, SNS.pem)
    amazon.answers["/"] = (403, b"")
    alarms.post(cloudwatch.asks())
    (kept,) = alarms.deliveries()
    assert (kept.state, kept.error) == (
        State.FAILED,
        f"the subscription is not confirmed: {HOST} answered 403",
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"TopicArn": "arn:aws:sns:eu-west-1:999999999999:mine"},
        {"TopicArn": "arn:\ud800\x00:sns:"},
        {"SubscribeURL": "https://127.0.0.1/steal"},
    ],
)
def test_nothing_is_confirmed_for_a_foreign_topic_or_elsewhere(
    amazon: Amazon, alarms: Alarms, changed: dict[str, str]
) -> None:
    amazon.answers[PEM_PATH] = (200, SNS.pem)
    alarms.post(cloudwatch.asks(**changed))
    (kept,) = alarms.deliveries()
    assert kept.state in {State.UNTRUSTED, State.FAILED}
    assert set(amazon.asked) <= {PEM_PATH}
