"""A real HAProxy with three servers behind it, and its runtime socket on loopback."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from remediation.execution.base import Connection, ExecutorError
from remediation.execution.executors import haproxy
from remediation.execution.executors.haproxy import HaproxyExecutor
from remediation.execution.executors.haproxy_socket import Socket, servers_of
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig
from tests.fakes.wire import Wire

SERVERS = ("web1", "web2", "web3")
CONFIG = """
global
  stats socket ipv4@127.0.0.1:{admin} level admin
  stats socket ipv4@127.0.0.1:{reader} level operator
  stats socket {directory}/admin.sock mode 600 level admin
  stats timeout 2s
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend shop
  bind 127.0.0.1:{front}
  default_backend be_shop
backend be_shop
  balance roundrobin
{servers}
backend be_single
  server only 127.0.0.1:{first} check inter 100 maxconn 50
"""


class _Answers(ThreadingHTTPServer):
    daemon_threads = True
    status = 200


class _Page(BaseHTTPRequestHandler):
    server: _Answers

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_OPTIONS(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(sock.getsockname()[1]) for sock in socks]


class RealHaproxy(Rig):
    kind = ExecutorKind.HAPROXY
    against = "HAProxy's runtime socket"
    actions = ("drain",)
    refusal = "Permission denied"

    def __init__(self) -> None:
        super().__init__()
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise

    def _start(self) -> None:
        self.pages = {name: _Answers(("127.0.0.1", 0), _Page) for name in SERVERS}
        for page in self.pages.values():
            thread = threading.Thread(target=page.serve_forever, args=(0.02,))
            thread.start()
            for ending in (page.server_close, thread.join, page.shutdown):  # last to first
                self.stack.callback(ending)
        self.front, self.port, self.reader = free_ports(3)
        self.directory = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, self.directory)
        lines = [
            f"  server {name} 127.0.0.1:{page.server_address[1]} maxconn 100"
            for name, page in self.pages.items()
        ]
        config = self.directory / "haproxy.cfg"
        config.write_text(
            CONFIG.format(
                admin=self.port,
                reader=self.reader,
                directory=self.directory,
                front=self.front,
                first=self.pages["web1"].server_address[1],
                servers="\n".join(lines),
            ),
            encoding="utf-8",
        )
        running = subprocess.Popen(
            [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.stack.callback(running.wait, 30)
        self.stack.callback(running.terminate)
        self.socket = Socket(f"tcp://127.0.0.1:{self.port}", 10)
        self._until(self._is_up)
        self.between = self.stack.enter_context(Wire(("127.0.0.1", self.port), (b"set server",)))

    def executor(self, *, timeout_s: float = 20.0, **said: Any) -> HaproxyExecutor:
        return self.at(f"tcp://127.0.0.1:{self.between.port}", timeout_s=timeout_s, **said)

    def at(self, url: str, *, timeout_s: float = 20.0, **said: Any) -> HaproxyExecutor:
        backends = {"payments": "be_shop", "single": "be_single", "gone": "be_gone"}
        return haproxy.connect(Connection(url, "-", timeout_s, {"backends": backends, **said}))

    def unreachable(self) -> HaproxyExecutor:
        return self.at("tcp://127.0.0.1:9", timeout_s=2)

    def request(self, action: str) -> ActionRequest:
        return ActionRequest(action, "payments", {"server": "web2", "state": "drain"})

    def states(self) -> dict[str, str]:
        admin, stat = self.socket.say("show servers state be_shop"), self.socket.say("show stat")
        return {name: s.state for name, s in servers_of(admin, stat, "be_shop").items()}

    def state(self) -> object:
        return self.states()

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        return {"state": self.states()[planned.target_id.partition("/")[2]]}

    def move(self, planned: PlannedAction) -> None:
        self.set("web2", "maint")

    def set(self, server: str, state: str) -> None:
        assert self.socket.say(f"set server be_shop/{server} state {state}").strip() == ""

    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        return self.between.losing(done=done)

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self.between.late(act)

    @contextmanager
    def refusing(self) -> Iterator[HaproxyExecutor]:
        yield self.at(f"tcp://127.0.0.1:{self.reader}")

    def nobody(self) -> ActionRequest:
        return ActionRequest("drain", "gone", {"server": "web2"})

    def visit(self, times: int) -> list[int]:
        """The statuses of so many requests through the load balancer."""
        return [self._visit() for _ in range(times)]

    def _visit(self) -> int:
        try:
            url = f"http://127.0.0.1:{self.front}/"
            with urllib.request.urlopen(url, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def _is_up(self) -> bool:
        try:
            return len(self.states()) == len(SERVERS)
        except ExecutorError:
            return False

    def _until(self, holds: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(600):
            if holds():
                return
            pause.wait(0.05)
        msg = "HAProxy did not come up"
        raise TimeoutError(msg)
