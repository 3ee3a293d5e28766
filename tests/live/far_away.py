"""A PostgreSQL behind a cable of its own: pulled out, packets are lost and nobody is told.

What listens there only passes on. Stopped, it is a server that takes every byte and answers none.
"""

import asyncio
import ctypes
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from socket import create_server, socket
from typing import IO
from urllib.parse import urlsplit
from uuid import uuid4

from tools.stack import ROOT

_PORT = 5432
_CLONE_NEWNET = 0x40000000


class Cable:
    """Between this machine and the one where `url` is."""

    def __init__(self, name: str, url: str, listener: subprocess.Popen[bytes]) -> None:
        self.url = url
        self._name, self._listener = name, listener

    def pull(self) -> None:
        _ip("-n", self._name, "link", "set", "there", "down")

    def plug_in(self) -> None:
        _ip("-n", self._name, "link", "set", "there", "up")

    def stop(self) -> None:
        self._listener.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._listener.send_signal(signal.SIGCONT)


def why_not() -> str:
    """Why this process may lay no cable; empty if it may."""
    if os.geteuid():
        return "a network namespace is made by root"
    try:
        with _namespace():
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespace can be made here: {error}"


@contextmanager
def far_away(database_url: str) -> Iterator[Cable]:
    """The same database, by way of another network namespace."""
    at = urlsplit(database_url)
    net = f"10.213.{secrets.randbelow(256)}.{secrets.randbelow(64) * 4}"  # others test beside us
    here, there = (str(ip_address(net) + nth) for nth in (1, 2))
    with _namespace() as name:
        inside = ("-n", name)
        near = f"{name}-h"
        _ip("link", "add", near, "type", "veth", "peer", "name", "there", "netns", name)
        _ip("addr", "add", f"{here}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip(*inside, "addr", "add", f"{there}/30", "dev", "there")
        _ip(*inside, "link", "set", "there", "up")
        listener = subprocess.Popen(
            [sys.executable, "-m", __name__, name, there, str(at.hostname), str(at.port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        try:
            assert listener.stdout is not None
            assert listener.stdout.readline() == b"listening\n"
            user = f"{at.username}@" if at.username else ""
            yield Cable(name, f"postgresql://{user}{there}:{_PORT}{at.path}", listener)
        finally:
            listener.kill()
            listener.communicate()


@contextmanager
def _namespace() -> Iterator[str]:
    name = f"ns{uuid4().hex[:8]}"
    _ip("netns", "add", name)
    try:
        yield name
    finally:
        _ip("netns", "del", name)  # and with it both ends of its cable


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _enter(namespace: IO[str]) -> None:
    """Sockets that this thread makes from now on are of that namespace."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"setns {namespace.name}")


def _listening_in(name: str, address: str) -> socket:
    with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", name).open() as away:
        _enter(away)
        try:
            return create_server((address, _PORT))
        finally:
            _enter(home)


async def _pass_on(listening: socket, host: str, port: int) -> None:
    """Listens over there; what it opens is here."""

    async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with closing(to), suppress(OSError):
            while found := await source.read(65536):
                to.write(found)
                await to.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, to_them = await asyncio.open_connection(host, port)
        await asyncio.gather(copy(reader, to_them), copy(theirs, writer))

    server = await asyncio.start_server(serve, sock=listening)
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_pass_on(_listening_in(*sys.argv[1:3]), sys.argv[3], int(sys.argv[4])))
