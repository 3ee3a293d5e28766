"""A PostgreSQL of the benchmark's own, that may be killed, and AIRRA's processes on it."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from tools.stack import Stack, free_port, wait_for

_SETUP = """
from incidents.commands.integration import create_integration
from incidents.models import Integration, Workspace
made, token = create_integration(
    workspace=Workspace.objects.get(), name="bench", kind="alertmanager", by=None)
Integration.objects.filter(pk=made.pk).update(rate_per_min=1_000_000)
print(made.pk, token)
"""


class Cluster:
    """initdb, started on a port of its own, killed with -9 and started again."""

    def __init__(self, directory: Path) -> None:
        self._binaries = max(Path("/usr/lib/postgresql").glob("*/bin"))
        self._directory = directory / "pg"
        self.port = free_port()
        self._directory.mkdir()
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            shutil.chown(self._directory, "postgres", "postgres")
            directory.chmod(0o755)
        self._run("initdb", "-A", "trust", "-U", "postgres", "-D", str(self._directory))
        self.start()
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE airra")

    @property
    def url(self) -> str:
        return self._url("airra")

    def _url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self._directory}"
        log = str(self._directory / "log")
        self._run("pg_ctl", "-D", str(self._directory), "-w", "-l", log, "-o", options, "start")

    def kill(self) -> None:
        """The postmaster with every child at once, as a machine that loses power."""
        pid = self._pid()
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True
        )
        for found in (pid, *map(int, listed.stdout.split())):
            os.kill(found, signal.SIGKILL)
        (self._directory / "postmaster.pid").unlink()

    def cpu_s(self) -> float:
        """CPU time that it has had, with the backends that still run."""
        return _cpu_s(self._pid())

    def _pid(self) -> int:
        return int((self._directory / "postmaster.pid").read_text().splitlines()[0])

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._directory), "-m", "immediate", "stop", check=False)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(self._binaries / program), *arguments]
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd=self._directory)


def _cpu_s(pid: int) -> float:
    """CPU time of a process and its children."""
    root = psutil.Process(pid)
    spent = 0.0
    for found in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a backend that has just ended
            times = found.cpu_times()
            spent += times.user + times.system
    return spent


class Rig:
    """Web and worker on PostgreSQL and Redis, and one integration for Alertmanager."""

    def __init__(self, directory: Path, redis_url: str) -> None:
        self.cluster = Cluster(directory)
        self.redis = redis.Redis.from_url(redis_url)
        self.redis.flushdb()
        settings = {
            "DJANGO_SETTINGS_MODULE": "benchmarks.ingest_settings",
            "AIRRA_SWEEP_INTERVAL_S": "2",
            "AIRRA_LOG_LEVEL": "CRITICAL",
        }
        self.stack = Stack(
            var=directory / "var", database_url=self.cluster.url, redis_url=redis_url
        )
        self.stack.settings = settings
        self.stack.__enter__()
        self.stack.manage("migrate", "--verbosity=0")
        self.stack.manage("collectstatic", "--noinput", "--verbosity=0")
        made = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", _SETUP],
            env=self.stack.env(),
            capture_output=True,
            text=True,
            check=True,
        )
        self.integration, self.token = made.stdout.split()[-2:]

    @property
    def hook(self) -> str:
        return f"/hooks/{self.integration}/"

    @property
    def bare(self) -> str:
        return f"/bare/{self.integration}/"

    def start_web(self) -> None:
        self.stack.start_web()
        wait_for("web", self._is_up, within_s=60)

    def _is_up(self) -> bool:
        import httpx2  # noqa: PLC0415 - only to wait

        try:
            return httpx2.get(f"{self.stack.url}/health", trust_env=False).status_code == 200
        except httpx2.TransportError:
            return False

    def web_cpu_s(self) -> float:
        """CPU time that the web process and its children have had."""
        return _cpu_s(self.stack.processes["web"].pid)

    def count(self, sql: str, *values: object) -> int:
        with psycopg.connect(self.cluster.url) as connection:
            row = connection.execute(sql, values).fetchone()
        return int(row[0]) if row else 0

    def waiting(self) -> int:
        return self.count("SELECT count(*) FROM incidents_delivery WHERE state = 'stored'")

    def drained(self, *, within_s: float) -> float:
        """Seconds until nothing waits any more."""
        begun = time.monotonic()
        wait_for("the worker", lambda: self.waiting() == 0, within_s=within_s, every_s=0.1)
        return time.monotonic() - begun

    def lost_and_doubled(self, name: str, sent: int) -> tuple[int, int]:
        """Alerts of a run that are missing, and rows beyond one for each."""
        of_it = "FROM incidents_alert WHERE labels->>'alertname' = %s"
        rows = self.count(f"SELECT count(*) {of_it}", name)
        there = self.count(f"SELECT count(DISTINCT dedup_key) {of_it}", name)
        return sent - there, rows - there

    def close(self) -> None:
        self.stack.stop()
        self.redis.flushdb()
        self.redis.close()
        self.cluster.stop()


@contextmanager
def plain_receiver() -> Iterator[tuple[int, list[float]]]:
    """The least that can answer Alertmanager: its port, and when each delivery came."""
    came: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            came.append(time.monotonic())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], came
    finally:
        server.shutdown()
        server.server_close()
