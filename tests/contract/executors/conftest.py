"""The endpoints the contract is checked on: the in-memory one, and the lab as a real process."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from remediation.execution.executors.webhook import WebhookExecutor
from tests.fakes.executor import SECRET, ActionEndpointServer, Thing

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint with two services: `service` with a flag that is on, `other` for a rollback."""

    url: str
    secret: str
    service: str
    flag: str

    def executor(self, **said: Any) -> WebhookExecutor:
        fields = {"secret": self.secret, "timeout_s": 20.0, **said}
        return WebhookExecutor(self.url, **fields)


@pytest.fixture(scope="module")
def lab() -> Iterator[str]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    running = subprocess.Popen(
        [sys.executable, "-m", "lab", "run", "--port", str(port), "--rate", "1"],
        cwd=ROOT,
        env={**os.environ, "LAB_CONTROL_SECRET": "lab-secret"},  # noqa: TID251 - of a child process
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/control/v1"
    try:
        _until_ready(f"{url}/services/payments", running)
        yield url
    finally:
        running.terminate()
        running.wait(30)


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
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
            told = json.load(answer)
    except OSError:
        return False
    return bool(told["ready_replicas"] >= told["desired_replicas"])


@pytest.fixture(params=["fake", pytest.param("lab", marks=pytest.mark.slow)])
def endpoint(request: pytest.FixtureRequest) -> Iterator[Endpoint]:
    if request.param == "lab":
        url = request.getfixturevalue("lab")
        yield Endpoint(url, "lab-secret", "payments", "payments.fraud_check")
        return
    thing = Thing("payments", flags={"payments.fraud_check": True})
    with ActionEndpointServer(thing) as server:
        yield Endpoint(server.url, SECRET, "payments", "payments.fraud_check")
