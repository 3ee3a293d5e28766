"""The action webhook: the in-memory endpoint, and the lab as a real process."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from remediation.execution.executors.webhook import WebhookExecutor
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig, attempt
from tests.fakes.executor import SECRET, ActionEndpointServer, Thing
from tests.fakes.meddler import Asked, Meddler

ROOT = Path(__file__).resolve().parents[3]
LAB_SECRET = "lab-secret"


def is_live(asked: Asked) -> bool:
    return asked.method == "POST" and asked.headers.get("x-airra-dry-run") != "1"


class Webhook(Rig):
    kind = ExecutorKind.WEBHOOK
    refusal = "401"
    service = "payments"
    flag = "payments.fraud_check"
    secret = SECRET

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.between = self.stack.enter_context(Meddler(url, is_live))

    def executor(self, *, timeout_s: float = 20.0) -> WebhookExecutor:
        return WebhookExecutor(self.between.address, secret=self.secret, timeout_s=timeout_s)

    def unreachable(self) -> WebhookExecutor:
        return WebhookExecutor("http://127.0.0.1:9", secret=self.secret, timeout_s=2)

    def request(self, action: str) -> ActionRequest:
        now = self.look()
        params: dict[str, dict[str, Any]] = {
            "scale": {"replicas": 5 - now["desired_replicas"]},  # 2 and 3 in turn
            "set_flag": {"flag": self.flag, "value": not now["flags"][self.flag]},
        }
        return ActionRequest(action, self.service, params.get(action, {}))

    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        return self.between.losing(done=done)

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self.between.late(act)

    @contextmanager
    def refusing(self) -> Iterator[WebhookExecutor]:
        yield WebhookExecutor(self.url, secret="guessed", timeout_s=20)

    def nobody(self) -> ActionRequest:
        return ActionRequest("restart", "no-such-service")

    @abstractmethod
    def look(self) -> dict[str, Any]:
        """The service as the endpoint shows it."""


class FakeWebhook(Webhook):
    against = "an in-memory endpoint over HTTP"
    actions = ("restart", "scale", "rollback", "set_flag")

    def __init__(self) -> None:
        self.thing = Thing(self.service, flags={self.flag: True})
        self.server = ActionEndpointServer(self.thing)
        with contextlib.ExitStack() as own:
            url = own.enter_context(self.server).url
            super().__init__(url)
            self.stack.push(own.pop_all())

    def look(self) -> dict[str, Any]:
        return self.server.get(f"/control/v1/services/{self.service}")[1]

    def state(self) -> object:
        return json.dumps([self.thing.__dict__, self.server.effects, self.server.answers])

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        return self.thing.state(planned.request.action)

    def move(self, planned: PlannedAction) -> None:
        self.thing.version += 1


class LabWebhook(Webhook):
    against = "the lab as a process"
    actions = ("restart", "scale", "set_flag")
    secret = LAB_SECRET

    def __init__(self) -> None:
        super().__init__(_lab.url())

    def look(self) -> dict[str, Any]:
        told: dict[str, Any] = _read(f"{self.url}/services/{self.service}")
        return told

    def state(self) -> object:
        now = self.look()
        started = {place["instance"]: place["started"] for place in now["replicas"]}
        wanted = {name: now[name] for name in ("generation", "desired_replicas", "flags")}
        return {**wanted, "revision": now["revision"], "started": started}

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        now = self.look()
        if planned.request.action == "scale":
            return {"replicas": now["desired_replicas"]}
        if planned.request.action == "set_flag":
            return {"flags": {self.flag: now["flags"][self.flag]}}
        was = planned.before["started"]
        started = {place["instance"]: place["started"] for place in now["replicas"]}
        return {
            "started": {
                name: at if at == was.get(name) else "new process" for name, at in started.items()
            }
        }

    def move(self, planned: PlannedAction) -> None:
        other = WebhookExecutor(self.url, secret=self.secret, timeout_s=20)
        other.apply(replace(other.plan(self.request("set_flag")), target_version=""), attempt())


class _Lab:
    """One lab for all tests of a run; it ends with the process that started it."""

    _running: "subprocess.Popen[bytes] | None" = None
    _port = 0

    def url(self) -> str:
        if self._running is None:
            self._start()
        return f"http://127.0.0.1:{self._port}/control/v1"

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(30)
            self._running = None

    def _start(self) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self._port = int(sock.getsockname()[1])
        self._running = subprocess.Popen(
            [sys.executable, "-m", "lab", "run", "--port", str(self._port), "--rate", "1"],
            cwd=ROOT,
            env={**os.environ, "LAB_CONTROL_SECRET": LAB_SECRET},  # noqa: TID251 - of a child process
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _until_ready(f"{self.url()}/services/payments", self._running)


_lab = _Lab()
stop_lab = _lab.stop


def _until_ready(url: str, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if _is_ready(url):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            msg = f"the lab ended with {running.wait(0.5)}"
            raise ChildProcessError(msg)
    msg = "the lab did not become ready"
    raise TimeoutError(msg)


def _is_ready(url: str) -> bool:
    try:
        told = _read(url)
    except OSError:
        return False
    return bool(told["ready_replicas"] >= told["desired_replicas"])


def _read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
        return json.load(answer)
