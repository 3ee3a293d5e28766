"""A real PostgreSQL with a real lock: one session holds it, another waits for it."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from remediation.execution.base import Connection
from remediation.execution.executors import postgres
from remediation.execution.executors.postgres import PostgresExecutor
from remediation.execution.executors.postgres_sql import BACKENDS, row, victims_of
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig
from tests.fakes.wire import Wire

SERVER = os.environ.get(  # noqa: TID251 - where the script found it
    "AIRRA_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432"
)
SECRET = "of-the-executor"


class Holder:
    """A session that updates the one row of `stock` and then sits in its open transaction."""

    def __init__(self, url: str, name: str) -> None:
        self.connection = psycopg.connect(url, application_name=name)
        self.take()

    def take(self) -> None:
        self.connection.execute("UPDATE stock SET left_over = left_over - 7 WHERE item = 'tea'")

    @property
    def pid(self) -> int:
        return self.connection.info.backend_pid


class Waiter:
    """A session that wants the same row, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True, application_name="waiter")
        self.thread = threading.Thread(target=self._want)
        self.thread.start()

    def _want(self) -> None:
        try:
            self.connection.execute("UPDATE stock SET left_over = left_over - 1 WHERE item = 'tea'")
        except psycopg.Error:
            return  # the end of the test


class RealPostgres(Rig):
    kind = ExecutorKind.POSTGRES
    against = "PostgreSQL with a real lock"
    actions = ("end_query",)
    refusal = "pg_signal_backend"

    def __init__(self) -> None:
        super().__init__()
        self.name = f"rig_{uuid4().hex[:10]}"
        try:
            self._start()
        except BaseException:
            self.stack.close()
            raise

    def _start(self) -> None:
        self.admin = self.stack.enter_context(
            psycopg.connect(f"{SERVER}/postgres", autocommit=True)
        )
        self._make()
        where = urlsplit(SERVER)
        host, port = where.hostname or "127.0.0.1", where.port or 5432
        self.between = self.stack.enter_context(Wire((host, port), (b"pg_terminate_backend",)))
        self.waiters: list[Waiter] = []
        self.holders: list[Holder] = []
        self.stack.callback(self._end_sessions)
        self.hold()

    def hold(self, role: str = "app", name: str = "api") -> Holder:
        """A lock that somebody waits for."""
        holder = Holder(self.url(role), name)
        self.holders.append(holder)
        self.waiters.append(Waiter(self.url("app")))
        self.until_waiting(holder)
        return holder

    def until_waiting(self, holder: Holder) -> None:
        self._until(lambda: bool(self.look()[holder.pid]))

    def look(self) -> dict[int, int]:
        """How many wait for each session, directly or not."""
        with psycopg.connect(self.url(), autocommit=True, row_factory=dict_row) as connection:
            found = {f["pid"]: row(f) for f in connection.execute(BACKENDS).fetchall()}
        return {pid: len(victims_of(pid, found)) for pid in found}

    def executor(self, *, timeout_s: float = 20.0, **said: Any) -> PostgresExecutor:
        return self.at(f"127.0.0.1:{self.between.port}", timeout_s=timeout_s, **said)

    def at(
        self, place: str, *, timeout_s: float = 20.0, role: str = "exec", **said: Any
    ) -> PostgresExecutor:
        options = {
            "databases": {"payments-db": self.name},
            "sslmode": "disable",
            "cancel_wait_s": 0.3,
            "blocked_for_s": 0,
            **said,
        }
        url = f"postgresql://{self.name}_{role}@{place}"
        return postgres.connect(Connection(url, SECRET, timeout_s, options))

    def unreachable(self) -> PostgresExecutor:
        return self.at("127.0.0.1:9", timeout_s=2)

    def request(self, action: str) -> ActionRequest:
        return ActionRequest(action, "payments-db")

    def state(self) -> object:
        rows = self.admin.execute(
            "SELECT pid, backend_start, xact_start FROM pg_stat_activity"
            " WHERE datname = %s AND application_name = 'api' ORDER BY pid",
            (self.name,),
        )
        return rows.fetchall()

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        pid = int(planned.target_id.rpartition(" ")[2].partition("@")[0])
        began = planned.target_version.removeprefix("transaction ")
        is_open = self.admin.execute(
            "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND xact_start = %s", (pid, began)
        ).fetchone()
        if not is_open:
            return {"transaction": "ended", "holds_up": 0, "statement": ""}
        statement = planned.before["statement"]
        return {"transaction": "open", "holds_up": self.look()[pid], "statement": statement}

    def move(self, planned: PlannedAction) -> None:
        """The holder finishes, and takes the lock again in a transaction of its own."""
        pid = int(planned.target_id.rpartition(" ")[2].partition("@")[0])
        holder = next((h for h in self.holders if h.pid == pid), None)
        assert holder is not None
        holder.connection.rollback()
        self.waiters[-1].thread.join(30)
        holder.take()
        self.waiters.append(Waiter(self.url("app")))
        self.until_waiting(holder)

    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        return self.between.losing(done=done)

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self.between.late(act)

    @contextmanager
    def refusing(self) -> Iterator[PostgresExecutor]:
        yield self.at(f"127.0.0.1:{self.between.port}", role="reader")

    def nobody(self) -> ActionRequest:
        return ActionRequest("end_query", "orders-db")

    def too_many(self) -> ActionRequest:
        for number in range(3):
            self.admin_in().execute("INSERT INTO stock VALUES (%s, 10)", (f"cup{number}",))
            self._hold_another(f"cup{number}")
        return self.request("end_query")

    def url(self, role: str = "") -> str:
        where = urlsplit(SERVER)
        user = f"{self.name}_{role}:{SECRET}" if role else where.username
        return f"postgresql://{user}@{where.hostname}:{where.port or 5432}/{self.name}"

    def admin_in(self) -> "psycopg.Connection[Any]":
        return self.stack.enter_context(psycopg.connect(self.url(), autocommit=True))

    def _hold_another(self, item: str) -> None:
        holder = psycopg.connect(self.url("app"), application_name="api")
        waiter = psycopg.connect(self.url("app"), autocommit=True, application_name="waiter")
        change = "UPDATE stock SET left_over = 1 WHERE item = %s"
        holder.execute(change, (item,))

        def want() -> None:
            try:
                waiter.execute(change, (item,))
            except psycopg.Error:
                return

        thread = threading.Thread(target=want)
        thread.start()
        for ending in (waiter.close, thread.join, holder.close):  # called last to first
            self.stack.callback(ending)
        self._until(lambda: bool(self.look()[holder.info.backend_pid]))

    def _make(self) -> None:
        run = self.admin.execute
        name = sql.Identifier(self.name)
        run(sql.SQL("CREATE DATABASE {}").format(name))
        self.stack.callback(self._drop)
        for role, is_super in (("app", False), ("exec", False), ("reader", False), ("dba", True)):
            run(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(f"{self.name}_{role}"),
                    sql.SQL("SUPERUSER" if is_super else "NOSUPERUSER"),
                    sql.Literal(SECRET),
                )
            )
        for grant, role in (
            ("pg_read_all_stats, pg_signal_backend", "exec"),
            ("pg_read_all_stats", "reader"),
        ):
            to = sql.Identifier(f"{self.name}_{role}")
            run(sql.SQL("GRANT {} TO {}").format(sql.SQL(grant), to))
        with psycopg.connect(self.url(), autocommit=True) as inside:
            inside.execute("CREATE TABLE stock (item text PRIMARY KEY, left_over int)")
            inside.execute("INSERT INTO stock VALUES ('tea', 100)")
            inside.execute("GRANT ALL ON stock TO public")

    def _drop(self) -> None:
        run = self.admin.execute
        run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))
        for role in ("app", "exec", "reader", "dba"):
            run(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"{self.name}_{role}")))

    def _end_sessions(self) -> None:
        for holder in self.holders:
            holder.connection.close()
        for waiter in self.waiters:
            waiter.thread.join(30)
            waiter.connection.close()

    def _until(self, holds: Callable[[], bool]) -> None:
        pause = threading.Event()
        for _ in range(600):
            if holds():
                return
            pause.wait(0.05)
        msg = "the lock was not waited for"
        raise TimeoutError(msg)
