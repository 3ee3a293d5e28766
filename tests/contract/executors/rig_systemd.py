"""A real sshd with the forced command of `airra_exec.py`; systemctl is `tests/fakes/systemctl.py`.

systemd is not process 1 where the suite runs, so its program is replaced and the rest is not: keys,
the pinned host key, the forced command, its state directory and its locks are the real ones.
"""

import getpass
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncssh

from remediation.execution.base import Connection
from remediation.execution.executors import systemd
from remediation.execution.executors.systemd import SystemdExecutor
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "remediation/execution/hostside/airra_exec.py"
SYSTEMCTL = ROOT / "tests/fakes/systemctl.py"
UNIT = "payments.service"
# Asks the rig before and after the real program runs a change: what the network could do to it.
BETWEEN = """#!{python}
import json, socket, subprocess, sys
request = sys.stdin.read()
def ask(when):
    with socket.create_connection(("127.0.0.1", {port})) as sock:
        sock.sendall(when)
        return sock.recv(8)
is_change = json.loads(request).get("verb") in ("restart", "reload")
if is_change and ask(b"before") != b"go":
    sys.exit(255)
run = subprocess.run([{python!r}, {program!r}, *sys.argv[1:]], input=request, text=True,
                     capture_output=True)
if is_change:
    ask(b"after")
sys.stdout.write(run.stdout)
sys.exit(run.returncode)
"""


class Between(socketserver.ThreadingTCPServer):
    """Answers what the forced command asks: go on, or give up; an answer can be long in coming."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Word)
        self.first: Callable[[], None] | None = None
        self.loses = ""
        self.acted = threading.Event()  # held up: before the change or after it
        self.released = threading.Event()


class _Word(socketserver.BaseRequestHandler):
    server: Between

    def handle(self) -> None:
        when, between = self.request.recv(8), self.server
        if when == b"before":
            first, between.first = between.first, None
            if first is not None:
                first()
            if between.loses == "before":
                between.acted.set()
                between.released.wait(30)
                self.request.sendall(b"stop")
                return
        elif between.loses == "after":
            between.acted.set()
            between.released.wait(30)
        self.request.sendall(b"go")


class RealSshd(Rig):
    kind = ExecutorKind.SYSTEMD
    against = "sshd with the forced command, and a stand-in for systemctl"
    actions = ("restart", "reload")
    refusal = "read-only"

    def __init__(self) -> None:
        super().__init__()
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise

    def _start(self) -> None:
        self.place = Path(tempfile.mkdtemp())
        self.stack.callback(shutil.rmtree, self.place)
        self.units = self.place / "units"
        self.used = self.place / "used"
        for directory in (self.units, self.used):
            directory.mkdir()
        self.add(UNIT)
        self.stack.callback(self._kill_units)
        self.between = Between()
        thread = threading.Thread(target=self.between.serve_forever, args=(0.02,))
        thread.start()
        for ending in (self.between.server_close, thread.join, self.between.shutdown):
            self.stack.callback(ending)
        self.stack.callback(self.between.released.set)
        self.host, self.key, self.reader = (
            asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)
        )
        self.port = self._sshd()

    def add(self, name: str, **said: str) -> None:
        running = subprocess.Popen(["sleep", "600"], start_new_session=True)  # killed by the rig
        self.stack.callback(running.wait)
        state = {
            "Id": name, "LoadState": "loaded", "ActiveState": "active", "SubState": "running",
            "InvocationID": "0" * 32, "StateChangeTimestampMonotonic": "1", "CanReload": "yes",
            "RefuseManualStop": "no", "StartLimitBurst": "5", "StartLimitIntervalUSec": "10s",
            "RequiredBy": "", "BoundBy": "", "ConsistsOf": "", "MainPID": running.pid, "Reloads": 0,
            **said,
        }  # fmt: skip
        (self.units / f"{name}.json").write_text(json.dumps(state))

    def unit(self, name: str = UNIT) -> dict[str, Any]:
        told: dict[str, Any] = json.loads((self.units / f"{name}.json").read_text())
        return told

    def executor(self, *, timeout_s: float = 20.0, **said: Any) -> SystemdExecutor:
        return self.at(self.key, timeout_s=timeout_s, **said)

    def at(
        self, key: asyncssh.SSHKey, *, port: int = 0, timeout_s: float = 20.0, **said: Any
    ) -> SystemdExecutor:
        options = {
            "host_key": self.host.export_public_key().decode().strip(),
            "units": {"payments": UNIT, "gone": "gone.service", "other": "other.service"},
            **said,
        }
        url = f"ssh://{getpass.getuser()}@127.0.0.1:{port or self.port}"
        secret = key.export_private_key().decode()
        return systemd.connect(Connection(url, secret, timeout_s, options))

    def unreachable(self) -> SystemdExecutor:
        return self.at(self.key, port=9, timeout_s=2)

    def request(self, action: str) -> ActionRequest:
        return ActionRequest(action, "payments")

    def state(self) -> object:
        return self.unit()

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        now = self.unit()
        if planned.request.action == "reload":
            return {"configuration": "read again" if now["Reloads"] else "as loaded"}
        is_same = now["InvocationID"] == planned.target_version.partition("/")[0]
        return {"process": "as started" if is_same else "new process"}

    def move(self, planned: PlannedAction) -> None:
        self.systemctl("restart", "--", UNIT)

    def systemctl(self, *words: str) -> None:
        subprocess.run([sys.executable, SYSTEMCTL, self.units, *words], check=True)

    @contextmanager
    def losing(self, *, done: bool) -> Iterator[None]:
        self.between.loses = "after" if done else "before"
        try:
            yield
            assert self.between.acted.wait(30), "the command came as far as it was let"
        finally:
            self.between.loses = ""
            self.between.released.set()

    @contextmanager
    def _late(self, act: Callable[[], None]) -> Iterator[None]:
        self.between.first = act
        yield
        self.between.first = None

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self._late(act)

    @contextmanager
    def refusing(self) -> Iterator[SystemdExecutor]:
        yield self.at(self.reader)

    def nobody(self) -> ActionRequest:
        return ActionRequest("restart", "orders")

    def program(self, name: str, text: str) -> Path:
        path = self.place / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _sshd(self) -> int:
        python = sys.executable
        systemctl = self.program(
            "systemctl", f'#!/bin/sh\nexec {python} {SYSTEMCTL} {self.units} "$@"\n'
        )
        own_port = self.between.server_address[1]
        between = self.program(
            "between", BETWEEN.format(python=python, port=own_port, program=str(PROGRAM))
        )
        command = (
            f"{between} --units {UNIT},gone.service --state {self.used} --systemctl {systemctl}"
        )
        lines = [
            f'restrict,command="{command}{more}" {key.export_public_key().decode().strip()}\n'
            for key, more in ((self.key, ""), (self.reader, " --read-only"))
        ]
        (self.place / "authorized_keys").write_text("".join(lines))
        self.host.write_private_key(str(self.place / "host_key"))
        (self.place / "host_key").chmod(0o600)
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = int(sock.getsockname()[1])
        config = self.place / "sshd_config"
        config.write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {self.place}/host_key\n"
            f"AuthorizedKeysFile {self.place}/authorized_keys\nPidFile none\nStrictModes no\n"
            "UsePAM no\nPasswordAuthentication no\nPermitRootLogin forced-commands-only\n"
            "MaxStartups 50\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        running = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.stack.callback(running.wait, 30)
        self.stack.callback(running.terminate)
        self._until_listening(port)
        return port

    def _until_listening(self, port: int) -> None:
        pause = threading.Event()
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            pause.wait(0.05)
        msg = "sshd did not come up"
        raise TimeoutError(msg)

    def _kill_units(self) -> None:
        for path in self.units.glob("*.json"):
            with suppress(ProcessLookupError):
                os.kill(json.loads(path.read_text())["MainPID"], signal.SIGKILL)
