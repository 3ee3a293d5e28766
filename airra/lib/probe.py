"""Looking at one address: does its name resolve, does it answer, how long is its certificate good.

Read-only, one connection each, to numbers that were resolved and judged before. Django-free.
"""

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from airra.lib import clock
from airra.lib.addresses import Address, resolve
from airra.lib.http import HttpClient

TIMEOUT_S = 5.0
_MAX_BODY = 64 * 1024


@dataclass(frozen=True)
class Certificate:
    """What a server shows. `problem` is the verifier's own word; empty when it is content."""

    days_left: float
    not_after: datetime
    subject: str
    problem: str


@dataclass(frozen=True)
class Health:
    status: int
    seconds: float


def connect_s(address: Address, *, timeout_s: float = TIMEOUT_S) -> tuple[str, float]:
    """The number that answered and after how many seconds. Raises `OSError`, `BadAddress`."""
    began = time.monotonic()
    with _connected(address, timeout_s) as (number, _):
        return number, time.monotonic() - began


def certificate(address: Address, *, timeout_s: float = TIMEOUT_S) -> Certificate:
    """The leaf that the server shows for its name, whether trusted or not.

    Raises `OSError` (of which `ssl.SSLError` is one) when there is no TLS, and `BadAddress`.
    """
    problem = ""
    try:
        shown = _shown(address, ssl.create_default_context(), timeout_s)
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message or str(error)
        anything = ssl.create_default_context()
        anything.check_hostname = False
        anything.verify_mode = ssl.CERT_NONE  # to read it, not to trust it: nothing is sent
        shown = _shown(address, anything, timeout_s)
    from cryptography import x509  # noqa: PLC0415 - costs 60 ms, and only this needs it

    leaf = x509.load_der_x509_certificate(shown)
    not_after = leaf.not_valid_after_utc
    return Certificate(
        days_left=(not_after - clock.now()).total_seconds() / 86_400,
        not_after=not_after.astimezone(UTC),
        subject=leaf.subject.rfc4514_string()[:200],
        problem=problem,
    )


def health(address: Address, *, timeout_s: float = TIMEOUT_S) -> Health:
    """One GET of its path, no redirect followed, its body thrown away. Raises `HttpError`."""
    resolve(address.host, address.port)
    began = time.monotonic()
    with HttpClient(address.origin, timeout_s=timeout_s, max_bytes=_MAX_BODY) as client:
        answer = client.get(address.path)
    return Health(answer.status, time.monotonic() - began)


@contextmanager
def _connected(address: Address, timeout_s: float) -> Iterator[tuple[str, socket.socket]]:
    """A TCP connection to the first number of a name that answers."""
    failure: OSError | None = None
    for number in resolve(address.host, address.port):
        try:
            opened = socket.create_connection((number, address.port), timeout=timeout_s)
        except OSError as error:
            failure = error
            continue
        with opened:
            yield number, opened
        return
    raise failure or OSError("the name has no address")


def _shown(address: Address, context: ssl.SSLContext, timeout_s: float) -> bytes:
    with (
        _connected(address, timeout_s) as (_, plain),
        context.wrap_socket(plain, server_hostname=address.host) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
    if not found:
        msg = "the server shows no certificate"
        raise ssl.SSLError(msg)
    return found
