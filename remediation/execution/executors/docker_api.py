"""The few calls of the Docker Engine API that acting needs, over its own socket or TCP.

The `docker` package carries them; which answer means what is judged here, because only that
says whether something has happened. Podman's service speaks the same API. There is no call here
that runs a command in a container, and none that makes or removes one.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker

from remediation.execution.base import ExecutorError, NothingToActOn

Json = Mapping[str, Any]
_AT_ONCE = {"stream": "false", "one-shot": "true"}  # else it waits for a second sample


class NoAnswer(Exception):
    """The connection failed. Perhaps the request was sent, perhaps not."""


@dataclass(frozen=True)
class Said:
    status: int
    body: Any

    @property
    def reason(self) -> str:
        """Untrusted, so short and on one line."""
        told = self.body.get("message") if isinstance(self.body, dict) else self.body
        return " ".join(str(told or "no reason").split())[:200]


@dataclass(frozen=True)
class Strain:
    """What a container uses of its limits."""

    memory: int  # bytes in use, without what the kernel would give back first
    throttled: float  # the share of its CPU periods that were cut short, since it started


class Engine:
    """One engine. `timeout_s` bounds connecting, and each wait for bytes of an answer."""

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url.replace("tcp://", "http://", 1)
        self._timeout_s = timeout_s
        self._version = ""

    def containers(self, labels: list[str]) -> list[Json]:
        """All that carry every one of the labels, running or not."""
        filters = json.dumps({"label": labels})
        found = self._read("/containers/json", all="1", filters=filters)
        return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def inspect(self, id_: str) -> Json:
        """Raises `NothingToActOn` when it is gone, and `ExecutorError`."""
        return self._object(f"/containers/{_segment(id_)}/json")

    def memory_used(self, id_: str) -> int:
        """Bytes in use without what the kernel would give back first; 0 where it is not told."""
        return _memory_of(self._object(f"/containers/{_segment(id_)}/stats", **_AT_ONCE))

    def strain(self, id_: str) -> Strain:
        """How hard a container presses against its limits. Raises `ExecutorError`."""
        told = self._object(f"/containers/{_segment(id_)}/stats", **_AT_ONCE)
        held = (told.get("cpu_stats") or {}).get("throttling_data") or {}
        periods = int(held.get("periods") or 0)
        throttled = int(held.get("throttled_periods") or 0) / periods if periods else 0.0
        return Strain(_memory_of(told), throttled)

    def host(self) -> Json:
        return self._object("/info")

    def was_restarted(self, id_: str, *, since: float, until: float) -> bool:
        """Whether the engine remembers being asked to restart it. A restart policy is no asking."""
        filters = json.dumps({"container": [id_], "event": ["restart"], "type": ["container"]})
        between = {"since": f"{since:.9f}", "until": f"{until:.9f}"}
        said = self._call("GET", "/events", {**between, "filters": filters})
        return said.status == 200 and bool(said.body)

    def restart(self, id_: str, *, stop_timeout_s: int) -> Said:
        """Raises `NoAnswer`."""
        path = f"/containers/{_segment(id_)}/restart"
        return self._call("POST", path, {"t": str(stop_timeout_s)})

    def update(self, id_: str, limits: Json) -> Said:
        """Raises `NoAnswer`."""
        return self._call("POST", f"/containers/{_segment(id_)}/update", {}, body=limits)

    def _object(self, path: str, **asked: str) -> Json:
        found = self._read(path, **asked)
        if not isinstance(found, dict):
            msg = "the engine answered something that is no object"
            raise ExecutorError(msg)
        return found

    def _read(self, path: str, **asked: str) -> Any:
        try:
            said = self._call("GET", path, asked)
        except NoAnswer as error:
            raise ExecutorError(str(error)) from error
        if said.status == 404:
            msg = f"it is gone: {said.reason}"
            raise NothingToActOn(msg)
        if said.status != 200:
            msg = f"reading answered {said.status}: {said.reason}"
            raise ExecutorError(msg)
        return said.body

    def _call(
        self, method: str, path: str, asked: Mapping[str, str], *, body: Json | None = None
    ) -> Said:
        """One request, never repeated."""
        path_of_socket = self._url.removeprefix("unix://")
        if path_of_socket != self._url and not Path(path_of_socket).is_socket():
            msg = f"there is no socket at {path_of_socket[:120]}"
            raise NoAnswer(msg)
        try:
            # A fixed version keeps the constructor from asking; the engine's own is used below.
            client = docker.APIClient(self._url, version="1.41", timeout=self._timeout_s)
        except docker.errors.DockerException as error:
            msg = f"{self._url[:120]!r} is no address: {error}"
            raise NoAnswer(msg) from error
        with closing(client):
            client.trust_env = False
            client.max_redirects = 0
            try:
                self._version = self._version or _version(client, self._timeout_s)
                address = f"{client.base_url}/v{self._version}{path}"
                # With `params` and `json` nothing of ours is pasted into a path or a body.
                answer = client.request(
                    method,
                    address,
                    params=dict(asked),
                    json=body,
                    timeout=self._timeout_s,
                    allow_redirects=False,
                )
                return Said(answer.status_code, _parsed(answer.content))
            except OSError as error:  # all of requests' own are
                msg = f"cannot reach the engine: {' '.join(str(error).split())[:160]}"
                raise NoAnswer(msg) from error


def _memory_of(told: Json) -> int:
    memory = told.get("memory_stats") or {}
    cache = (memory.get("stats") or {}).get("inactive_file") or 0
    return max(int(memory.get("usage") or 0) - int(cache), 0)


def _version(client: Any, timeout_s: float) -> str:
    """What the engine speaks. It answers this without a version in the path."""
    address = f"{client.base_url}/version"
    told = _parsed(client.get(address, timeout=timeout_s, allow_redirects=False).content)
    version = str(told.get("ApiVersion", "")) if isinstance(told, dict) else ""
    if not version.replace(".", "").isdigit():
        msg = "it does not answer as a Docker Engine"
        raise OSError(msg)
    return version


def _parsed(content: bytes) -> Any:
    """JSON, or events one a line; text where it is neither."""
    text = content.decode(errors="replace").strip()
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text[:2000]


def _segment(text: str) -> str:
    return quote(text, safe="")
