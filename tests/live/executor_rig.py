"""The parent's side: worker processes by socket, a real target that counts, and the rows in SQL."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import psycopg
from psycopg.rows import dict_row

from airra.env import for_child
from remediation.types import HOLDS_TARGET
from tests.fakes.executor import SECRET, ActionEndpointServer, Fault

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE_S = 60.0  # of a busy machine; nothing here waits for a time to pass


@dataclass(frozen=True)
class Defect:
    """One place of the source, and what stands there instead."""

    name: str
    module: str
    right: str
    wrong: str

    def as_argument(self) -> str:
        return json.dumps([self.module, self.right, self.wrong])


class Worker:
    """One process. It is idle, or it waits at a point for word to go on."""

    def __init__(self, rig: "Rig", connection: socket.socket) -> None:
        self._rig = rig
        self._connection = connection
        self._connection.settimeout(PATIENCE_S)
        self._in: TextIO = connection.makefile("r", encoding="utf-8")
        self.pid = int(self.hear()["pid"])
        self.at = ""  # the point it waits at
        self.row = ""  # the execution it works on
        self.asked_at = START  # when its probe did

    def tell(self, do: str, *, stop_at: str = "", **arguments: Any) -> None:
        """Begin a command."""
        self.row = arguments.get("execution_id", "")
        self._say({"do": do, "with": arguments, "stop_at": stop_at})

    def ask(self, do: str, *, stop_at: str = "", **arguments: Any) -> Any:
        """Begin a command and wait until it has ended or stopped; what it told."""
        self.tell(do, stop_at=stop_at, **arguments)
        return self.wait()

    def go(self, *, stop_at: str = "") -> None:
        self._say({"stop_at": stop_at})
        self.wait()

    def wait(self) -> Any:
        heard = self.hear()
        self.at = heard.get("at", "")
        return heard.get("told")

    def has_said(self, *, within_s: float) -> bool:
        return bool(select.select([self._connection], [], [], within_s)[0])

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has ended by itself: that was raised already
            os.kill(self.pid, signal.SIGKILL)
        while self._connection.recv(4096):  # until the kernel has closed its end
            pass
        self._in.close()
        self._connection.close()

    def hear(self) -> dict[str, Any]:
        line = self._in.readline()
        if not line:
            msg = "a worker ended by itself: see its traceback on stderr"
            raise ChildProcessError(msg)
        heard: dict[str, Any] = json.loads(line)
        return heard

    def _say(self, word: dict[str, Any]) -> None:
        word = {**word, "now": self._rig.now.isoformat()}
        self._connection.sendall(json.dumps(word).encode() + b"\n")


class Rig:
    """Use as a context manager: no process and no row is left behind but in its own database."""

    def __init__(self, database_url: str, var: Path, defect: Defect | None = None) -> None:
        self.database_url, self.var, self.defect = database_url, var, defect
        self.now = START
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.target = ActionEndpointServer()
        self.target.now = self.timestamp
        self.target.__enter__()
        self._door = socket.create_server(("127.0.0.1", 0))
        self._door.settimeout(PATIENCE_S)
        self._nursery = self._begin()
        self._sql = psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)
        self.now = self._after_all_there_is()
        self.office = self.hire()  # people, not a worker
        self.workers = [self.hire(), self.hire()]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in (self.office, *self.workers):
            worker.kill()
        if self._nursery.stdin:
            self._nursery.stdin.close()
        if self._nursery.stdout:
            self._nursery.stdout.close()
        self._nursery.wait(PATIENCE_S)
        self._door.close()
        self._sql.close()
        self.target.__exit__(kind, error, trace)

    def _begin(self) -> subprocess.Popen[str]:
        port = str(self._door.getsockname()[1])
        command = [sys.executable, "-m", "tests.live.executor_nursery", port]
        nursery = subprocess.Popen(
            command + ([self.defect.as_argument()] if self.defect else []),
            cwd=ROOT,
            env=environment(self.database_url, self.var),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = nursery.stdout.readline() if nursery.stdout else ""
        if ready != "ready\n":
            msg = "the nursery did not start: see its traceback on stderr"
            raise ChildProcessError(msg)
        return nursery

    def _after_all_there_is(self) -> datetime:
        """What an earlier run did on this database is the past, and counts against no limit."""
        query = "SELECT max(created_at) AS newest FROM remediation_execution"
        newest = self._sql.execute(query).fetchall()[0]["newest"]
        return max(START, newest) if newest else START

    def hire(self) -> Worker:
        if self._nursery.stdin:
            self._nursery.stdin.write("\n")
            self._nursery.stdin.flush()
        connection, _ = self._door.accept()
        return Worker(self, connection)

    def kill(self, worker: Worker) -> None:
        """SIGKILL; another takes its place."""
        worker.kill()
        self.workers[self.workers.index(worker)] = self.hire()

    def runs_into_silence(self, worker: Worker, execution_id: str) -> bool:
        """Run until the target has done it and holds its answer; False: it never got there."""
        done = len(self.target.effects)
        self.target.fault = Fault.DONE_SILENT
        worker.tell("run", execution_id=execution_id)
        while not worker.has_said(within_s=0.005):
            if len(self.target.effects) > done:
                return True
        worker.wait()
        return False

    def idle(self) -> list[Worker]:
        return [w for w in self.workers if not w.at]

    def waiting(self) -> list[Worker]:
        return [w for w in self.workers if w.at]

    def rows(self, ids: list[str]) -> list[dict[str, Any]]:
        """The executions and the undos of them, as the database has them now, oldest first."""
        query = """
            SELECT id::text, kind, state, idempotency_key AS key, fence, lease_until,
                   quarantine_until, next_check_at, undo_of_id::text
            FROM remediation_execution WHERE id = ANY(%s) OR undo_of_id = ANY(%s) ORDER BY id"""
        return self._sql.execute(query, [ids, ids]).fetchall()

    def forget(self) -> None:
        """What an example left unfinished is nobody's business in the next one."""
        self._sql.execute(
            "UPDATE remediation_execution SET state = 'cancelled' WHERE state = ANY(%s)",
            [["approved", *HOLDS_TARGET]],
        )
        for worker in self.waiting():
            self.kill(worker)
        self.target.fault = None

    def sent(self) -> Counter[str]:
        """How many live requests reached the target, by key."""
        return Counter(
            headers["idempotency-key"]
            for _, headers in list(self.target.requests)
            if headers.get("x-airra-dry-run") != "1" and "idempotency-key" in headers
        )

    def effects(self) -> Counter[str]:
        return Counter(key for key, _, _ in list(self.target.effects))

    def timestamp(self) -> float:
        """Of the target's clock, which goes as ours does."""
        return self.now.timestamp()


def environment(database_url: str, var: Path) -> dict[str, str]:
    """Of the workers: PostgreSQL, no broker (a message goes nowhere), the target's secret."""
    return for_child(
        AIRRA_DATABASE_URL=database_url,
        AIRRA_REDIS_URL="",
        AIRRA_VAR_DIR=str(var),
        AIRRA_SECRET_KEY="only-for-tests",
        AIRRA_SECRET_SHOP=SECRET,
        AIRRA_LOG_LEVEL="CRITICAL",
        AIRRA_DB_POOL="2",
        DJANGO_SETTINGS_MODULE="airra.settings",
    )
