"""A real HTTP server that keeps the contract of `docs/reference/action-webhook.md`, in memory.

It knows one kind of service, counts every effect, and can be told to misbehave on the next live
request the way networks and targets do.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from airra.lib.http import sign

SECRET = "a-shared-secret"
TOLERANCE_S = 300.0


class Fault(StrEnum):
    """What goes wrong with the next live request. LOST: no effect. DONE: with its effect."""

    LOST_SILENT = "lost_silent"
    LOST_BROKEN = "lost_broken"
    LOST_500 = "lost_500"
    DONE_SILENT = "done_silent"
    DONE_BROKEN = "done_broken"
    DONE_500 = "done_500"
    DONE_GARBAGE = "done_garbage"
    IN_PROGRESS = "in_progress"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass
class Thing:
    """A service behind the endpoint."""

    name: str
    replicas: int = 2
    revisions: list[str] = field(default_factory=lambda: ["1.0.0", "1.1.0"])
    flags: dict[str, bool] = field(default_factory=dict)
    version: int = 1
    restarts: int = 0

    def state(self, action: str) -> dict[str, Any]:
        shown: dict[str, dict[str, Any]] = {
            "restart": {"restarts": self.restarts},
            "scale": {"replicas": self.replicas},
            "rollback": {"revision": self.revisions[-1]},
            "set_flag": {"flags": dict(self.flags)},
        }
        return shown.get(action, {})


class Refusal(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ActionEndpointServer:
    """`with ActionEndpointServer() as endpoint:` serves `endpoint.url` until the block ends."""

    def __init__(self, *things: Thing) -> None:
        self.things = {t.name: t for t in things or (Thing("payments"),)}
        self.effects: list[tuple[str, str, str]] = []  # key, action, service
        self.answers: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.fault: Fault | None = None
        self.is_down_for_reading = False
        self.reads_until_done = 0  # of an action in progress; 0: it never ends by itself
        self.now: Callable[[], float] = time.time
        self.on_live: Callable[[str], None] = lambda key: None
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.released = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/control/v1"

    def effects_of(self, action: str) -> int:
        return sum(1 for _, done, _ in self.effects if done == action)

    def post(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any], bool]:
        """Status, answer, and whether it is a replay. The lock makes each request one step."""
        with self._lock:
            try:
                self._authenticate(headers, body)
                key = headers.get("idempotency-key", "")
                if not key:
                    raise Refusal(400, "Idempotency-Key is missing")
                if key in self.answers:
                    return 200, self.answers[key], True
                wanted = json.loads(body)
                is_dry = headers.get("x-airra-dry-run") == "1"
                return 200, self._do(key, wanted, is_dry=is_dry), False
            except Refusal as refusal:
                return refusal.status, {"error": str(refusal)}, False

    def _authenticate(self, headers: dict[str, str], body: bytes) -> None:
        stamp = headers.get("x-airra-timestamp", "")
        if headers.get("x-airra-signature") != sign(SECRET, stamp, body):
            raise Refusal(401, "the signature does not match")
        if abs(self.now() - float(stamp)) > TOLERANCE_S:
            raise Refusal(401, "the signature is too old")

    def _do(self, key: str, wanted: dict[str, Any], *, is_dry: bool) -> dict[str, Any]:
        thing = self.things.get(wanted["service"])
        if thing is None:
            raise Refusal(404, f"no service {wanted['service']}")
        expected = wanted.get("expected_version")
        if not is_dry and expected is not None and expected != str(thing.version):
            raise Refusal(409, f"the version is {thing.version}, not {expected}")
        if not is_dry and self.fault is Fault.REFUSED:
            self.fault = None
            raise Refusal(422, "refused by the target")
        action, params = wanted["action"], wanted["params"]
        trial = Thing(**json.loads(json.dumps(thing.__dict__)))
        before, undo = trial.state(action), _undo(thing, action)
        _carry_out(trial, action, params)
        answer = {
            "key": key,
            "state": "planned" if is_dry else "applied",
            "action": action,
            "service": thing.name,
            "target": {"id": f"service/{thing.name}", "version": str(thing.version)},
            "diff": {"before": before, "after": trial.state(action)},
            "undo": undo,
            "effects": [f"{action} touches {thing.replicas} replicas"],
            "reversibility": "exact_undo" if undo else "self_healing",
        }
        if is_dry:
            return answer
        return self._effect(key, answer, thing, trial)

    def _effect(
        self, key: str, answer: dict[str, Any], thing: Thing, trial: Thing
    ) -> dict[str, Any]:
        """The live part. What is lost before it leaves no trace, what is done is stored first."""
        if self.fault in {Fault.LOST_SILENT, Fault.LOST_BROKEN, Fault.LOST_500}:
            return answer
        if self.fault is Fault.FAILED:
            self.answers[key] = {**answer, "state": "failed", "error": "it would not start"}
            return self.answers[key]
        self.on_live(key)
        trial.version += 1
        thing.__dict__.update(trial.__dict__)
        self.effects.append((key, answer["action"], thing.name))
        state = "in_progress" if self.fault is Fault.IN_PROGRESS else "applied"
        target = {**answer["target"], "version": str(thing.version)}
        self.answers[key] = {**answer, "state": state, "target": target}
        return self.answers[key]

    def _progress(self, key: str, answer: dict[str, Any] | None) -> None:
        if answer and answer["state"] == "in_progress" and self.reads_until_done:
            self.reads_until_done -= 1
            if self.reads_until_done == 0:
                self.answers[key] = {**answer, "state": "applied"}

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        if self.is_down_for_reading:
            return 503, {"error": "down"}
        kind, _, name = path.removeprefix("/control/v1/").partition("/")
        name = unquote(name)
        if kind == "actions":
            answer = self.answers.get(name)
            self._progress(name, answer)
            return (200, answer) if answer else (404, {"error": "no such key"})
        thing = self.things.get(name) if kind == "services" else None
        if thing is None:
            return 404, {"error": f"no service {name}"}
        return 200, {
            "name": name,
            "replicas": [{"id": f"{name}-{i}", "ready": True} for i in range(thing.replicas)],
            "desired_replicas": thing.replicas,
            "revision": thing.revisions[-1],
            "version": thing.revisions[-1],
            "config": {},
            "flags": thing.flags,
            "resource_version": str(thing.version),
        }


def _carry_out(thing: Thing, action: str, params: dict[str, Any]) -> None:
    match action:
        case "restart":
            thing.restarts += 1
        case "scale":
            thing.replicas = params["replicas"]
        case "rollback":
            if "to_revision" in params:
                thing.revisions.append(params["to_revision"])
            elif len(thing.revisions) < 2:
                raise Refusal(422, "there is no revision to go back to")
            else:
                thing.revisions.append(thing.revisions[-2])
        case "set_flag":
            if params["flag"] not in thing.flags:
                raise Refusal(422, f"no flag {params['flag']}")
            thing.flags[params["flag"]] = params["value"]
        case _:
            raise Refusal(422, f"unknown action {action}")


def _undo(thing: Thing, action: str) -> dict[str, Any] | None:
    match action:
        case "scale":
            return {"action": "scale", "params": {"replicas": thing.replicas}}
        case "rollback":
            return {"action": "rollback", "params": {"to_revision": thing.revisions[-1]}}
        case "set_flag":
            flag = next(iter(thing.flags), "")
            return {"action": action, "params": {"flag": flag, "value": thing.flags.get(flag)}}
    return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, endpoint: ActionEndpointServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.endpoint = endpoint


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent."""

    def do_GET(self) -> None:
        self._answer(*self.server.endpoint.get(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.endpoint.requests.append((self.path, headers))
        status, answer, is_replay = self.server.endpoint.post(headers, body)
        if headers.get("x-airra-dry-run") != "1" and status == 200 and self._spoilt():
            return
        extra = {"Idempotent-Replay": "true"} if is_replay else {}
        self._answer(status, answer, extra)

    def _spoilt(self) -> bool:
        """Do the damage that was ordered, once; whether the answer has been dealt with."""
        endpoint = self.server.endpoint
        fault, endpoint.fault = endpoint.fault, None
        self.close_connection = fault is not None
        match fault:
            case Fault.LOST_SILENT | Fault.DONE_SILENT:
                self.server.endpoint.released.wait(10)
            case Fault.LOST_BROKEN | Fault.DONE_BROKEN:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{")
            case Fault.LOST_500 | Fault.DONE_500:
                self._answer(500, {"error": "something broke"})
            case Fault.DONE_GARBAGE:
                self._answer(200, {"state": "applied"})
            case _:
                return False
        return True

    def _answer(
        self, status: int, answer: dict[str, Any], extra: dict[str, str] | None = None
    ) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
