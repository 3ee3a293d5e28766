"""HAProxy's runtime socket: one command for each connection, and what its tables say."""

import csv
import socket
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit

from remediation.execution.base import ExecutorError

_MOST_BYTES = 8 * 1024 * 1024
_FORCED_MAINT, _FORCED_DRAIN = 0x01, 0x08
_NOT_OURS = 0x02 | 0x10 | 0x20 | 0x40  # inherited from a tracked server, or set by its resolver
_RUNNING = 2
_ENOUGH_RESPONSES = 50
_BAD_SHARE, _TIMES_WORSE, _SLOW_MS = 0.2, 5, 500


class Unsent(ExecutorError):
    """Certainly nothing of the command has reached HAProxy."""


class Unanswered(ExecutorError):
    """Sent, at least in part, and no whole answer."""


@dataclass(frozen=True)
class Socket:
    """Where it listens: unix:///path or tcp://host:port, the second for loopback only."""

    url: str
    timeout_s: float

    def say(self, command: str, may_send: Callable[[], bool] = lambda: True) -> str:
        """The answer to one command. Raises `Unsent` or `Unanswered`.

        `may_send` is asked once the connection stands: HAProxy itself closes one that says nothing
        for its `stats timeout`, so a caller that is held up after that cannot be heard any more.
        """
        with self._connected() as sock:
            if not may_send():
                msg = "too late: the lease was over before sending"
                raise Unsent(msg)
            try:
                sock.sendall(f"{command}\n".encode("ascii"))
                sock.shutdown(socket.SHUT_WR)
                return _all_of(sock)
            except OSError as error:
                msg = f"no answer from HAProxy: {error}"
                raise Unanswered(msg) from error

    def _connected(self) -> socket.socket:
        where = urlsplit(self.url)
        try:
            if where.scheme == "unix" and where.path:
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.settimeout(self.timeout_s)
                sock.connect(where.path)
                return sock
            if where.scheme == "tcp" and where.hostname in {"127.0.0.1", "::1", "localhost"}:
                return socket.create_connection((where.hostname, where.port or 0), self.timeout_s)
        except (OSError, ValueError) as error:
            msg = f"HAProxy's socket cannot be reached: {error}"
            raise Unsent(msg) from error
        msg = "the address must be unix:///path or tcp:// on loopback"
        raise Unsent(msg)


def _all_of(sock: socket.socket) -> str:
    pieces, size = [], 0
    while piece := sock.recv(65536):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_BYTES:
            msg = "too long an answer"
            raise OSError(msg)
    return b"".join(pieces).decode(errors="replace")


@dataclass(frozen=True)
class Server:
    """One server of a backend as HAProxy has it now. `limit` is None without a maxconn."""

    name: str
    address: str
    admin: int
    is_running: bool
    sessions: int
    limit: int | None
    responses: int
    failures: int
    response_ms: int

    @property
    def state(self) -> str:
        if self.admin & _FORCED_MAINT:
            return "maint"
        return "drain" if self.admin & _FORCED_DRAIN else "ready"

    @property
    def is_ours(self) -> bool:
        return not self.admin & _NOT_OURS

    @property
    def is_in(self) -> bool:
        """Whether it takes new sessions."""
        return self.is_running and self.admin == 0

    @property
    def failed_share(self) -> float:
        return self.failures / self.responses if self.responses >= _ENOUGH_RESPONSES else 0.0

    def version_in(self, state: str) -> str:
        return f"{state} {self.address}"


def servers_of(admin: str, stat: str, backend: str) -> dict[str, Server]:
    """From `show servers state` and `show stat`. Raises `ExecutorError` when they are not."""
    try:
        states = _states(admin, backend)
        counts = {
            row["svname"]: row
            for row in csv.DictReader(stat.lstrip("# ").splitlines())
            if row["pxname"] == backend
        }
        return {name: _server(row, counts[name]) for name, row in states.items()}
    except (KeyError, ValueError, TypeError) as error:
        msg = f"HAProxy's tables cannot be read: {error!r}"
        raise ExecutorError(msg) from error


def _states(text: str, backend: str) -> dict[str, dict[str, str]]:
    lines = [line for line in text.splitlines() if line.strip()]
    names = next((x.lstrip("# ").split() for x in lines if x.startswith("# be_id")), [])
    rows = [
        dict(zip(names, x.split(" "), strict=False)) for x in lines if x[0].isdigit() and " " in x
    ]
    return {row["srv_name"]: row for row in rows if row["be_name"] == backend}


def _server(state: dict[str, str], counts: dict[str, str]) -> Server:
    def count(name: str) -> int:
        return int(counts.get(name) or 0)

    kinds = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other")
    return Server(
        name=state["srv_name"],
        address=f"{state['srv_addr']}:{state['srv_port']}",
        admin=int(state["srv_admin_state"]),
        is_running=int(state["srv_op_state"]) == _RUNNING,
        sessions=count("scur"),
        limit=count("slim") or None,
        responses=sum(count(kind) for kind in kinds),
        failures=count("hrsp_5xx"),
        response_ms=count("rtime"),
    )


def worst(servers: dict[str, Server]) -> tuple[Server, str] | None:
    """The one server that does far worse than its peers, and in which way; None when unclear."""
    taking = [server for server in servers.values() if server.is_in]
    found = [(server, why) for server in taking if (why := _why_worse(server, taking))]
    return found[0] if len(found) == 1 else None


def _why_worse(server: Server, taking: list[Server]) -> str:
    others = [other for other in taking if other is not server]
    if not others:
        return ""
    share = max(other.failed_share for other in others)
    if server.failed_share >= max(_BAD_SHARE, _TIMES_WORSE * share):
        return f"answers {server.failed_share:.0%} with errors, its peers at most {share:.0%}"
    usual = median(other.response_ms for other in others)
    if server.response_ms >= max(_SLOW_MS, _TIMES_WORSE * usual):
        return f"takes {server.response_ms} ms, its peers {usual:.0f} ms"
    return ""
