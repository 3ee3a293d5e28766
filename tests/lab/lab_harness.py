"""A real lab in a process of its own, and what the tests ask of it."""

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

from lab.control.signature import sign

SECRET = "a secret of the tests"
READY_WITHIN_S = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class RunningLab:
    port: int
    pid: int

    def send(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers or {})
            response: HTTPResponse = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **params: object) -> Answer:
        return self.send("GET", f"{path}?{urlencode(params)}" if params else path)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self.send("POST", path, json.dumps(body).encode(), headers)

    def act(self, body: dict[str, Any], key: str = "", **headers: str) -> Answer:
        """A signed action under a fresh key, unless one is given."""
        payload = json.dumps(body).encode()
        stamp = str(int(time.time()))
        own = {
            "Idempotency-Key": key or uuid.uuid4().hex,
            "X-AIRRA-Timestamp": stamp,
            "X-AIRRA-Signature": sign(SECRET, stamp, payload),
        }
        return self.send("POST", "/control/v1/actions", payload, own | headers)

    def value(self, query: str) -> float | None:
        result = self.get("/api/v1/query", query=query).json["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def service(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = self.get(f"/control/v1/services/{name}").json
        return row

    def effects(self, key: str) -> list[dict[str, Any]]:
        return [e for e in self.get("/control/v1/effects").json["effects"] if e["key"] == key]


def poll(ask: Callable[[], Any], within_s: float = 30.0) -> Any:
    """Ask until the answer is true, and return it. Fails when the time is up."""
    pause = threading.Event()
    deadline = time.monotonic() + within_s
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within_s} s"
        pause.wait(0.2)
    return answer


@contextmanager
def running_lab(*, rate: float = 12.0) -> Iterator[RunningLab]:
    command = [
        sys.executable, "-m", "lab", "run", "--port", "0", "--secret", SECRET, "--rate", str(rate),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            lab = RunningLab(first["port"], process.pid)
            poll(lambda: lab.get("/-/ready").status == 200, READY_WITHIN_S)
            yield lab
        finally:
            process.terminate()
