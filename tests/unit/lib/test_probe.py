"""Looking at one address over real sockets: it answers, it shows a certificate, or it does not."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import probe
from airra.lib.addresses import Address, BadAddress, parse
from airra.lib.http import HttpError
from tests.fakes.tls import self_signed


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), until=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def secured(expired: Path) -> Iterator[Address]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(expired)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as running:
        yield parse(running.url_for("/"))


@pytest.fixture
def plain(httpserver: HTTPServer) -> Address:
    httpserver.expect_request("/health").respond_with_data("ok", status=200)
    httpserver.expect_request("/ill").respond_with_data("no", status=503)
    return parse(httpserver.url_for("/health"))


NOBODY = Address("tcp", "127.0.0.1", 9)


def test_what_listens_answers(plain: Address) -> None:
    number, seconds = probe.connect_s(plain)
    assert number == plain.host or number in {"127.0.0.1", "::1"}
    assert 0 <= seconds < 5


def test_what_does_not_listen_does_not() -> None:
    with pytest.raises(OSError, match="refused"):
        probe.connect_s(NOBODY)


def test_an_expired_certificate_is_read_and_not_trusted(secured: Address) -> None:
    found = probe.certificate(secured)
    assert found.not_after.year == 2020
    assert found.days_left < -1000
    assert found.problem
    assert "payments.example" in found.subject


def test_plain_http_shows_no_certificate(plain: Address) -> None:
    with pytest.raises(ssl.SSLError):
        probe.certificate(plain)


def test_health_is_the_status_whatever_it_is(plain: Address) -> None:
    assert probe.health(plain).status == 200
    assert probe.health(Address("http", plain.host, plain.port, "/ill")).status == 503
    with pytest.raises(HttpError):
        probe.health(Address("http", "127.0.0.1", 9))


def test_no_look_at_where_clouds_keep_credentials() -> None:
    metadata = Address("http", "169.254.169.254", 80, "/latest/meta-data")
    for look in (probe.health, probe.connect_s, probe.certificate):
        with pytest.raises(BadAddress):
            look(metadata)
