"""HTTPS: certificates are checked, a private authority can be trusted, the deadline holds."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import http
from airra.lib.http import Failure, HttpClient, HttpError
from tests.fakes.raw_server import raw_server, silent


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1 in one file."""
    directory = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key, cert = directory / "key.pem", directory / "cert.pem"
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    both = directory / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    return both


@pytest.fixture
def server(certificate: Path) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with HTTPServer(host="127.0.0.1", ssl_context=context) as running:
        running.expect_request("/x").respond_with_json({"ok": True})
        yield running


@pytest.fixture
def _forget_trust() -> Iterator[None]:
    http._trust.cache_clear()
    yield
    http._trust.cache_clear()


@pytest.mark.usefixtures("_forget_trust")
def test_a_private_authority_is_trusted_when_it_is_named(
    server: HTTPServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with HttpClient(server.url_for("/")) as client:
        assert client.get_json("/x") == {"ok": True}


def test_a_certificate_of_nobody_is_refused(server: HTTPServer) -> None:
    with HttpClient(server.url_for("/")) as client, pytest.raises(HttpError) as raised:
        client.get_json("/x")
    assert raised.value.failure is Failure.UNREACHABLE
    assert "certificate" in str(raised.value)


def test_a_handshake_that_never_comes_keeps_to_the_deadline() -> None:
    with (
        raw_server(silent) as url,
        HttpClient(url.replace("http", "https"), timeout_s=0.2) as https,
    ):
        started = time.monotonic()
        with pytest.raises(HttpError) as raised:
            https.get_json("/x")
        assert time.monotonic() - started < 1.5
    assert raised.value.is_certainly_unsent
