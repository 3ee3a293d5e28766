"""Docker: a fake engine on a unix socket, and a dockerd of our own with busybox in it."""

import io
import json
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
import pytest

from remediation.execution.base import Connection
from remediation.execution.executors.docker import DockerExecutor, connect
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig
from tests.fakes.docker_engine import DockerEngine
from tests.fakes.meddler import Asked, Meddler

MIB = 1024 * 1024
LABEL = "airra.service"


def is_live(asked: Asked) -> bool:
    return asked.method == "POST"


class Docker(Rig):
    kind = ExecutorKind.DOCKER
    actions = ("restart", "resize")
    refusal = "refused, 403: the proxy does not let this through"
    service = "payments"

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.between = self.stack.enter_context(Meddler(url, is_live))

    def executor(self, *, timeout_s: float = 20.0) -> DockerExecutor:
        return self.connected(timeout_s=timeout_s)

    def connected(self, **said: Any) -> DockerExecutor:
        options = {"label": LABEL, "stop_timeout_s": 1, "max_targets": 3}
        address = f"tcp://127.0.0.1:{self.between.port}"
        fields = {"url": address, "secret": "", "timeout_s": 20.0, "options": options, **said}
        return connect(Connection(**fields))

    def unreachable(self) -> DockerExecutor:
        return self.connected(url="unix:///nobody/listens/here")

    def request(self, action: str) -> ActionRequest:
        params = {"resize": {"memory_mb": 96, "cpus": 0.75}}
        return ActionRequest(action, self.service, params.get(action, {}))

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        info = self.inspect(planned.request.target)
        if planned.request.action == "restart":
            at = info["State"]["StartedAt"]
            was = planned.before["started_at"]
            return {"started_at": at if at == was else "when it is applied"}
        host = info["HostConfig"]
        return {
            "memory_mb": host["Memory"] / MIB,
            "memory_and_swap_mb": host["MemorySwap"] / MIB,
            "cpus": host["NanoCpus"] / 1e9,
        }

    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        return self.between.losing(done=done)

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self.between.late(act)

    @contextmanager
    def refusing(self) -> Iterator[DockerExecutor]:
        with self.between.refusing("the proxy does not let this through"):
            yield self.executor()

    def nobody(self) -> ActionRequest:
        return ActionRequest("restart", "no-such-service")

    @abstractmethod
    def inspect(self, id_: str) -> dict[str, Any]:
        """A container as the engine has it."""


class FakeDocker(Docker):
    against = "a fake of the Engine API on a unix socket"

    def __init__(self) -> None:
        self.engine = DockerEngine()
        with ExitStack() as own:
            super().__init__(own.enter_context(self.engine).url)
            self.stack.push(own.pop_all())
        limits = {"Memory": 64 * MIB, "MemorySwap": 128 * MIB, "NanoCpus": 500_000_000}
        for name in ("one", "two"):
            self.engine.run(name, labels={LABEL: self.service}, **limits)

    def inspect(self, id_: str) -> dict[str, Any]:
        return self.engine.containers[id_]

    def state(self) -> object:
        return json.dumps([self.engine.containers, self.engine.events])

    def move(self, planned: PlannedAction) -> None:
        id_ = planned.request.target
        if planned.request.action == "restart":
            self.engine.restarted(id_, asked=True)
        else:
            self.inspect(id_)["HostConfig"]["Memory"] -= MIB

    def too_many(self) -> ActionRequest:
        for name in ("three", "four"):
            self.engine.run(name, labels={LABEL: self.service})
        return ActionRequest("restart", self.service)


class RealDocker(Docker):
    against = "dockerd 20.10"
    quick_s = 4.0  # memory in use is measured once a second

    def __init__(self) -> None:
        super().__init__(_dockerd.url())
        self.client = self.stack.enter_context(closing(_dockerd.client()))
        self.service = f"payments-{uuid4().hex[:8]}"
        self.made = [self.run() for _ in range(2)]

    def run(self) -> str:
        """A container that ends when it is told to."""
        limits = self.client.create_host_config(
            mem_limit=64 * MIB, memswap_limit=128 * MIB, nano_cpus=500_000_000, network_mode="none"
        )
        # Its own handler: a first process without one is deaf to the polite signal.
        command = ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.2; done"]
        made = self.client.create_container(
            "busybox:airra", command, labels={LABEL: self.service}, host_config=limits
        )
        id_ = str(made["Id"])
        self.stack.callback(self.client.remove_container, id_, force=True)
        self.client.start(id_)
        return id_

    def inspect(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.inspect_container(id_)
        return found

    def state(self) -> object:
        found = [self.inspect(id_) for id_ in self.made]
        return [
            [one["State"]["StartedAt"], one["State"]["Status"], one["HostConfig"]] for one in found
        ]

    def move(self, planned: PlannedAction) -> None:
        id_ = planned.request.target
        if planned.request.action == "restart":
            self.client.restart(id_, timeout=1)
        else:
            memory = self.inspect(id_)["HostConfig"]["Memory"]
            self.client.update_container(id_, mem_limit=memory - MIB)

    def too_many(self) -> ActionRequest:
        self.made += [self.run() for _ in range(2)]
        return ActionRequest("restart", self.service)


class _Dockerd:
    """One engine for all tests of a run, apart from any other on this machine."""

    _running: "subprocess.Popen[bytes] | None" = None
    _refused = ""
    _home = Path()

    def url(self) -> str:
        """Where it listens. Skips the test, with the engine's own words, where none can run.

        An engine needs more of a machine than most containers of a CI may have; the fake has been
        asked the same by then.
        """
        if self._running is None and not self._refused:
            try:
                self._start()
            except (ChildProcessError, TimeoutError, docker.errors.APIError) as error:
                self._refused = f"no container engine runs on this machine: {error}"
                self.stop()
        if self._refused:
            pytest.skip(self._refused)
        return f"unix://{self._home}/s"

    def client(self) -> Any:
        return docker.APIClient(base_url=self.url(), version="1.41", timeout=30)

    def stop(self) -> None:
        if self._running is None:
            return
        self._running.terminate()
        self._running.wait(60)
        self._running = None
        shutil.rmtree(self._home, ignore_errors=True)

    def _start(self) -> None:
        home = self._home = Path(tempfile.mkdtemp(prefix="airra-dockerd-"))
        with (home / "log").open("wb") as log:
            self._running = subprocess.Popen(
                [
                    *("dockerd", "--data-root", f"{home}/root", "--exec-root", f"{home}/exec"),
                    *("-H", f"unix://{home}/s", "--pidfile", f"{home}/pid"),
                    *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
                    *("--default-ulimit", "nofile=1024:20000"),
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError((home / "log").read_text()[-2000:])
            with suppress(subprocess.TimeoutExpired):
                code = self._running.wait(0.3)
                msg = f"dockerd ended with {code}: {(home / 'log').read_text()[-2000:]}"
                raise ChildProcessError(msg)
        with closing(self.client()) as client:
            client.import_image_from_data(_busybox(), repository="busybox", tag="airra")
            limits = client.create_host_config(mem_limit=64 * MIB, network_mode="none")
            trial = client.create_container("busybox:airra", ["/bin/busybox"], host_config=limits)
            client.start(trial)
            client.remove_container(trial, force=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(f"{self._home}/s") == 0


def _busybox() -> bytes:
    """An image of one static program and the names it goes by."""
    program = shutil.which("busybox")
    assert program, "tools/test-servers.sh installs it"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(program, "bin/busybox")
        for name in ("sh", "sleep"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return packed.getvalue()


_dockerd = _Dockerd()
stop_dockerd = _dockerd.stop
