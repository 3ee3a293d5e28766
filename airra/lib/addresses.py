"""Addresses of what we look at ourselves: read strictly, resolved once, and never those of a cloud.

Only for addresses that people have put on record; text that came from elsewhere is never one.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
_SCHEMES = frozenset({"http", "https", "tcp"})
# Instance metadata that is not link-local: AWS over IPv6, Alibaba, Oracle's older one.
_METADATA = frozenset(
    ipaddress.ip_address(text) for text in ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")
)


class BadAddress(ValueError):
    """This is no address that may be looked at; the message says why."""


@dataclass(frozen=True)
class Address:
    """Where something answers. `path` only for http and https; `tls` says whether it speaks TLS."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @property
    def tls(self) -> bool:
        return self.scheme == "https"

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(text: str) -> Address:
    """scheme://host[:port][/path] without user, query or fragment. Raises `BadAddress`."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        msg = f"{text[:80]!r} is no address: {error}"
        raise BadAddress(msg) from error
    if parts.scheme not in _SCHEMES or not parts.hostname:
        msg = f"{text[:80]!r} is no address like https://host:port/path or tcp://host:port"
        raise BadAddress(msg)
    if parts.username or parts.password or parts.query or parts.fragment:
        msg = "an address has no user, no query and no fragment"
        raise BadAddress(msg)
    port = port if port is not None else _PORTS.get(parts.scheme)
    if not port:
        msg = f"{text[:80]!r} names no port"
        raise BadAddress(msg)
    return Address(parts.scheme, parts.hostname, port, parts.path or "/")


def resolve(host: str, port: int) -> tuple[str, ...]:
    """The numbers behind a name, each once, in the resolver's order.

    Raises `BadAddress` when one of them is refused, and `OSError` when the name has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        msg = f"{host[:80]!r} is no name of a host"
        raise BadAddress(msg) from error
    numbers = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    for number in numbers:
        reason = refused(number)
        if reason:
            msg = f"{host} is {number}, {reason}: not looked at"
            raise BadAddress(msg)
    return numbers


def refused(number: str) -> str:
    """Why this number is never connected to; empty when it may be."""
    try:
        ip = ipaddress.ip_address(number.partition("%")[0])
    except ValueError:
        return "no IP address"
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    if ip.is_link_local or ip in _METADATA:
        return "where clouds keep credentials"
    if ip.is_unspecified or ip.is_multicast:
        return "nobody's own address"
    # Loopback counts as reserved in IPv6; it is somebody all the same.
    return "a reserved address" if ip.is_reserved and not ip.is_loopback else ""
