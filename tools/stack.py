"""Starts the lab and AIRRA as real processes, for the demo, the fault table and the live tests."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import httpx2

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "airra-demo"  # noqa: S105 - demo accounts on loopback, printed for the newcomer
LAB_SECRET = "lab-secret"  # noqa: S105 - the lab's published default
ACCOUNTS = ("viewer", "responder", "approver", "second", "admin")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(what: str, check: Callable[[], Any], *, within_s: float, every_s: float = 0.25) -> Any:
    """The first truthy answer of `check`. Raises TimeoutError naming what never came."""
    deadline = time.monotonic() + within_s
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            msg = f"{what}: not within {within_s:.0f} s"
            raise TimeoutError(msg)
        time.sleep(every_s)


def answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2, trust_env=False).status_code < 500
    except httpx2.TransportError:
        return False


@dataclass
class Stack:
    """Processes by name, with one environment. Use as a context manager: nothing is left behind."""

    var: Path
    port: int = field(default_factory=free_port)
    lab_port: int = field(default_factory=free_port)
    database_url: str = ""
    redis_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: list[TextIO] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.var.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def lab_url(self) -> str:
        return f"http://127.0.0.1:{self.lab_port}"

    def token(self, account: str) -> str:
        return f"demo-{account}-{self._key()[:16]}"

    def _key(self) -> str:
        path = self.var / "secret-key"
        if not path.exists():
            path.write_text(secrets.token_urlsafe(48), encoding="utf-8")
            path.chmod(0o600)
        return path.read_text(encoding="utf-8")

    def env(self, role: str = "all") -> dict[str, str]:
        """Of a process with this role; only the executor's holds what acts."""
        ours = {
            "AIRRA_ROLE": role,
            "AIRRA_SECRET_KEY": self._key(),
            "AIRRA_VAR_DIR": str(self.var),
            "AIRRA_PORT": str(self.port),
            "AIRRA_BASE_URL": self.url,
            "AIRRA_DEMO_HOOK_TOKEN": self.token("hook"),
            "LAB_CONTROL_SECRET": LAB_SECRET,
            "PYTHONUNBUFFERED": "1",
            **{f"AIRRA_DEMO_TOKEN_{a.upper()}": self.token(a) for a in ACCOUNTS},
        }
        if role in {"all", "executor"}:
            ours["AIRRA_SECRET_LAB_CONTROL"] = LAB_SECRET
        if self.database_url:
            ours["AIRRA_DATABASE_URL"] = self.database_url
        if self.redis_url:
            ours["AIRRA_REDIS_URL"] = self.redis_url
        foreign = ("AIRRA_", "DJANGO_SETTINGS_MODULE", "PYTEST_")  # a test run's own settings
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}  # noqa: TID251
        return {**inherited, **ours, **self.settings}

    def start(self, name: str, *command: str, role: str = "all") -> subprocess.Popen[bytes]:
        log = (self.var / f"{name}.log").open("a", encoding="utf-8")
        self.logs.append(log)
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.env(role),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that `kill` reaches its children too
        )
        self.processes[name] = process
        return process

    def manage(self, *arguments: str) -> None:
        """Run manage.py to its end; its output is shown when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.stderr.write(done.stdout + done.stderr)
            msg = f"manage.py {' '.join(arguments)} failed"
            raise RuntimeError(msg)

    def start_lab(self) -> None:
        self.start("lab", sys.executable, "-m", "lab", "run", "--port", str(self.lab_port))
        wait_for("the lab", lambda: answers(f"{self.lab_url}/-/healthy"), within_s=60)

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity=0")
        self.manage("collectstatic", "--noinput", "--verbosity=0")
        self.manage("bootstrap", "--lab", self.lab_url, "--demo-password", PASSWORD)

    def start_airra(self) -> None:
        """Web, worker, executor and beat: one process on the embedded default, four with Redis."""
        if not self.redis_url:
            self.start("airra", sys.executable, "manage.py", "serve")
        else:
            self.start_web()
            self.start_worker()
            self.start_executor()
            self.start_beat()
        wait_for("AIRRA", lambda: answers(f"{self.url}/health"), within_s=60)

    def start_web(self) -> None:
        bind = f"127.0.0.1:{self.port}"
        gunicorn = ("-m", "gunicorn", "airra.wsgi", "--worker-class", "airra.server.Worker")
        bound = ("--threads", "4", "--keep-alive", "75", "--bind", bind, "--no-control-socket")
        self.start("web", sys.executable, *gunicorn, *bound, role="web")

    def start_beat(self) -> None:
        self.start("beat", sys.executable, "-m", "celery", "-A", "airra", "beat", role="beat")

    def start_worker(self) -> None:
        self._start_celery("worker", "4", "default,slow")

    def start_executor(self) -> None:
        self._start_celery("executor", "2", "act")

    def _start_celery(self, role: str, threads: str, queues: str) -> None:
        pool = ("--pool", "threads", "--concurrency", threads, "-Q", queues, "-n", f"{role}@%h")
        celery = ("-m", "celery", "-A", "airra", "worker")
        self.start(role, sys.executable, *celery, *pool, role=role)

    def kill(self, name: str, *, with_signal: int = signal.SIGKILL) -> None:
        """End it with its children, as a machine that loses power does.

        An orphaned child of the web server would keep its port for half a minute.
        """
        process = self.processes.pop(name)
        os.killpg(process.pid, with_signal)
        process.wait(timeout=20)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
        self.processes.clear()
        for log in self.logs:
            log.close()
        self.logs.clear()

    def api(self, account: str) -> httpx2.Client:
        """A client of the REST API as one of the demo accounts."""
        return httpx2.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.token(account)}"},
            timeout=30,
            trust_env=False,
        )

    def inject(self, fault: str, service: str = "") -> None:
        body = {"fault": fault, **({"service": service} if service else {})}
        answer = httpx2.post(f"{self.lab_url}/lab/faults", json=body, timeout=30, trust_env=False)
        answer.raise_for_status()
