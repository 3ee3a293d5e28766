"""Looking at one address over real sockets: it answers, it shows a certificate, or it does not."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import probe
from airra.lib.addresses import Address, BadAddress, parse
from airra.lib.http import HttpError


@pytest.fixture(scope="module")
def expired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1 that ended on 1 January 2020."""
    directory = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-subj /CN=payments.example -addext subjectAltName=IP:127.0.0.1 -days 1"
    )
    key, cert = directory / "key.pem", directory / "cert.pem"
    request = directory / "ca.cnf"
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    # The request is signed anew with dates of its own: `req -x509` of OpenSSL 3.0 takes none.
    csr = directory / "request.pem"
    (directory / "index.txt").touch()
    request.write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={directory}/index.txt\nnew_certs_dir={directory}\n"
        "default_md=sha256\npolicy=any\nrand_serial=yes\n[any]\ncommonName=supplied\n"
    )
    made = ["openssl", "req", "-new", "-key", str(key), "-subj", "/CN=payments.example"]
    subprocess.run([*made, "-out", str(csr)], check=True, capture_output=True)
    signed = ["openssl", "ca", "-batch", "-config", str(request), "-selfsign", "-keyfile", str(key)]
    dates = ["-startdate", "20190101000000Z", "-enddate", "20200101000000Z"]
    subprocess.run(
        [*signed, *dates, "-in", str(csr), "-out", str(cert)], check=True, capture_output=True
    )
    both = directory / "both.pem"
    both.write_text(key.read_text() + cert.read_text())
    return both


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
