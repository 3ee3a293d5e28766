"""A Docker Engine over a unix socket, as far as acting needs one, answering as dockerd 20.10 does.

What it says was compared with a real dockerd: the contract suite runs on both.
"""

import json
import shutil
import socket
import socketserver
import tempfile
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

Json = dict[str, Any]
_LEAST = 6 * 1024 * 1024
_CORES = 8


class Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class DockerEngine:
    """`with DockerEngine() as engine:` serves `engine.url`, a unix:// address."""

    def __init__(self) -> None:
        self.containers: dict[str, Json] = {}
        self.events: list[Json] = []
        self.memory_used = 1024 * 1024
        self.throttled = 0.0  # of its periods
        self.requests: list[tuple[str, str, Json]] = []
        self.lock = threading.RLock()
        self._home = Path(tempfile.mkdtemp(prefix="airra-engine-"))
        self._server = _Server(self, str(self._home / "s"))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        shutil.rmtree(self._home)

    @property
    def url(self) -> str:
        return f"unix://{self._home / 's'}"

    def run(self, name: str, *, labels: dict[str, str], **host: Any) -> Json:
        """A running container; `host` is what its HostConfig says beside the usual."""
        id_ = uuid4().hex * 2
        made = {
            "Id": id_,
            "Name": f"/{name}",
            "Created": now(),
            "Image": "sha256:0123",
            "RestartCount": 0,
            "State": {"Status": "running", "Running": True, "Paused": False, "StartedAt": now()},
            "Config": {"Labels": labels},
            "Mounts": [],
            "HostConfig": {
                "Memory": 0,
                "MemorySwap": 0,
                "NanoCpus": 0,
                "CpuQuota": 0,
                "CpuPeriod": 0,
                "Privileged": False,
                "AutoRemove": False,
                "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
                **host,
            },
        }
        self.containers[id_] = made
        return made

    def restarted(self, id_: str, *, asked: bool) -> None:
        """By whoever asks, or by its restart policy, of which only the start is an event."""
        with self.lock:
            self.containers[id_]["State"]["StartedAt"] = now()
            for action in ("start", *(("restart",) if asked else ())):
                self.events.append({"Action": action, "id": id_, "timeNano": time.time_ns()})

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        url = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        given = json.loads(body) if body else {}
        self.requests.append((method, target, given))
        if url.path == "/version":
            return 200, {"ApiVersion": "1.41", "Version": "20.10.24", "MinAPIVersion": "1.12"}
        parts = url.path.removeprefix("/v1.41").strip("/").split("/")
        with self.lock:
            try:
                return self._route(method, parts, asked, given)
            except Refusal as refusal:
                return refusal.status, {"message": str(refusal)}

    def _route(self, method: str, parts: list[str], asked: Json, given: Json) -> tuple[int, Any]:
        match method, parts:
            case "GET", ["info"]:
                return 200, {"NCPU": _CORES, "MemTotal": 16 * 1024**3}
            case "GET", ["events"]:
                return 200, self._events(asked)
            case "GET", ["containers", "json"]:
                return 200, self._list(json.loads(asked["filters"])["label"])
            case _, ["containers", id_, below]:
                return self._of(self._one(id_), f"{method} {below}", given)
        raise Refusal(404, "page not found")

    def _of(self, container: Json, what: str, given: Json) -> tuple[int, Any]:
        match what:
            case "GET json":
                return 200, container
            case "GET stats":
                held = {"periods": 1000, "throttled_periods": round(1000 * self.throttled)}
                memory = {"usage": self.memory_used, "stats": {}}
                return 200, {"memory_stats": memory, "cpu_stats": {"throttling_data": held}}
            case "POST restart":
                self.restarted(container["Id"], asked=True)
                return 204, None
            case "POST update":
                return 200, self._update(container, given)
        raise Refusal(404, "page not found")

    def _one(self, id_: str) -> Json:
        found = next((c for full, c in self.containers.items() if full.startswith(id_)), None)
        if found is None:
            raise Refusal(404, f"No such container: {id_}")
        return found

    def _list(self, labels: list[str]) -> list[Json]:
        wanted = dict(label.split("=", 1) for label in labels)
        return [
            {
                "Id": id_,
                "Names": [c["Name"]],
                "Labels": c["Config"]["Labels"],
                "State": c["State"]["Status"],
                "Created": int(datetime.fromisoformat(c["Created"]).timestamp()),
            }
            for id_, c in self.containers.items()
            if wanted.items() <= c["Config"]["Labels"].items()
        ]

    def _events(self, asked: Json) -> str:
        """One JSON object a line, as the stream has them."""
        wanted = json.loads(asked["filters"])
        since, until = (float(asked[name]) * 1e9 for name in ("since", "until"))
        found = [
            event
            for event in self.events
            if event["id"] in wanted["container"]
            and event["Action"] in wanted["event"]
            and since <= event["timeNano"] <= until
        ]
        return "\n".join(json.dumps(event) for event in found)

    def _update(self, container: Json, given: Json) -> Json:
        """0 leaves a limit as it is; memory never above memory and swap together."""
        host = deepcopy(container["HostConfig"])
        if given.get("CpuQuota") and host["NanoCpus"]:
            raise self._conflict(
                container,
                "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set",
            )
        host |= {name: value for name, value in given.items() if value}
        if given.get("Memory") and host["Memory"] < _LEAST:
            raise Refusal(400, "Minimum memory limit allowed is 6MB")
        if host["NanoCpus"] > _CORES * 1_000_000_000:
            told = f"Range of CPUs is from 0.01 to {_CORES}.00, as there are only {_CORES} CPUs"
            raise Refusal(400, f"{told} available")
        if given.get("NanoCpus") and host["NanoCpus"] < 10_000_000:
            # An update checks no lower bound by itself: it is the kernel that says no.
            raise Refusal(500, f"Cannot update container {container['Id']}: failed to write")
        if (
            given.get("Memory")
            and "MemorySwap" not in given
            and host["Memory"] > host["MemorySwap"]
        ):
            raise self._conflict(
                container,
                "Memory limit should be smaller than already set memoryswap limit, "
                "update the memoryswap at the same time",
            )
        container["HostConfig"] = host
        return {"Warnings": None}

    def _conflict(self, container: Json, why: str) -> Refusal:
        return Refusal(409, f"Cannot update container {container['Id']}: {why}")


def now() -> str:
    """With nanoseconds, as the engine writes them."""
    at = time.time_ns()
    moment = datetime.fromtimestamp(at // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1_000_000_000:09d}Z"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, engine: DockerEngine, path: str) -> None:
        super().__init__(path, _Handler)
        self.engine = engine


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    connection: socket.socket

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, *_: object) -> None:
        """Silent."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # every method alike
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, answer = self.server.engine.answer(self.command, self.path, body)
        is_text = isinstance(answer, str)
        content = (
            answer.encode() if is_text else b"" if answer is None else json.dumps(answer).encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
