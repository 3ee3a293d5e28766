"""Ends the query that holds others up: cancelled first, terminated if that is not enough.

The planned transaction is named by pid, backend start and transaction start, and matched again by
the statement that signals it. Nothing can be undone: what the transaction wrote is rolled back.
"""

import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row

from airra.lib import clock
from remediation.execution import options
from remediation.execution.base import (
    CREDENTIAL_LIFE_S,
    Attempt,
    Connection,
    Effect,
    ExecutorError,
    Guarantees,
    NothingToActOn,
    Offer,
    ServiceDescription,
    UnknownService,
)
from remediation.execution.executors import postgres_sql as sql
from remediation.execution.executors.postgres_sql import Backend, heads, victims_of
from remediation.types import (
    ActionRequest,
    Applied,
    Check,
    Fidelity,
    PlannedAction,
    Probe,
    Reversibility,
)

Options = options.Postgres
GUARANTEES = Guarantees(
    fidelity=Fidelity.SIMULATED,  # PostgreSQL shows who waits for whom, and has no dry run
    has_probe=True,
    has_precondition=True,
    is_idempotent=False,  # a second signal finds nobody, and cannot tell who ended the first
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"end_query"}),
    undoes=frozenset(),
)
_MOST = 3
_LOOK_EVERY_S = 0.05
_GONE_WITHIN_S = 5.0
_APPLICATION = "airra-executor"
_MOVED = Effect(
    Applied.NOT_APPLIED,
    error="that transaction is over or holds nobody up any more, or the attempt came too late",
    moved=True,
)


def connect(connection: Connection) -> "PostgresExecutor":
    return PostgresExecutor(connection, Options.model_validate(dict(connection.options)))


class PostgresExecutor:
    """Speaks to one cluster, with one short connection for each call."""

    def __init__(
        self, connection: Connection, given: Options, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._at = connection
        self._options = given
        self._wait = wait

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        with self._reading(service) as ask:
            backends = _backends(ask)
            (found,) = ask("SHOW server_version", {})
        holders = heads(backends)
        offers = tuple(
            Offer(
                "end_query",
                {"pid": b.pid, "backend_start": b.backend_start.isoformat()},
                f"backend {b.pid} holds up {len(victims_of(b.pid, backends))} others",
            )
            for b in holders
            if b.backend_start and not self._why_never(b)
        )
        return ServiceDescription(
            name=service,
            replicas=1,
            revision=str(found["server_version"]),
            version=", ".join(b.version for b in holders) or "nothing waits",
            actions=GUARANTEES.actions,
            offers=offers,
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        with self._reading(request.service) as ask:
            backends = _backends(ask)
        if named := _named(request):
            return (_find(backends, *named).target,)
        found = heads(backends)
        if not found:
            msg = f"nobody holds anybody up in the database of {request.service}"
            raise NothingToActOn(msg)
        if len(found) > _MOST:
            msg = f"{len(found)} backends hold others up: more than {_MOST} is left to a person"
            raise NothingToActOn(msg)
        return tuple(b.target for b in found)

    def plan(self, request: ActionRequest) -> PlannedAction:
        if request.action not in GUARANTEES.actions:
            msg = f"PostgreSQL knows no {request.action}"
            raise ExecutorError(msg)
        with self._reading(request.service) as ask:
            backends = _backends(ask)
        backend = self._chosen(request, backends)
        if refusal := self._why_never(backend):
            msg = f"backend {backend.pid} {refusal}"
            raise ExecutorError(msg)
        victims = victims_of(backend.pid, backends)
        if not victims:
            msg = f"backend {backend.pid} holds nobody up any more"
            raise NothingToActOn(msg)
        closing = (
            f"a running statement is cancelled; after {self._options.cancel_wait_s:g} s, or if it "
            "only waits in its transaction, the connection is closed"
        )
        whose = f"{backend.usename} ({backend.application_name or 'no application name'})"
        return PlannedAction(
            request=request,
            target_id=f"{self._database(request.service)} backend {backend.target}",
            target_version=backend.version,
            before={
                "transaction": "open",
                "holds_up": len(victims),
                "statement": backend.fingerprint,
            },
            after={"transaction": "ended", "holds_up": 0, "statement": ""},
            effects=(
                f"the open transaction of {whose} is rolled back and its client gets an error",
                closing,
            ),
            reversibility=Reversibility.COMPENSABLE,
            undo=None,
            fidelity=Fidelity.SIMULATED,
            checks=self._checks(backend, victims),
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        if clock.now().timestamp() >= attempt.deadline:
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        try:
            what = {**_identity(planned), "until": _until(attempt)}
            with self._asking(planned.request.service) as ask:
                return self._end(ask, what)
        except (ExecutorError, ValueError) as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        except psycopg.OperationalError as error:
            return Effect(Applied.UNKNOWN, error=_said(error))

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """Whether the planned transaction is over. Who ended it, nobody can tell any more."""
        try:
            with self._reading(planned.request.service) as ask:
                is_there = bool(ask(sql.STILL_THERE, _identity(planned)))
        except (ExecutorError, ValueError):
            return Probe.CANNOT_TELL, {}
        return (Probe.ABSENT, {}) if is_there else (Probe.APPLIED, _answer("gone"))

    def _end(self, ask: "_Ask", what: Mapping[str, Any]) -> Effect:
        signalled = self._signalled(ask, sql.CANCEL, what)
        if isinstance(signalled, Effect):
            return signalled
        if signalled and self._is_over(ask, what, self._options.cancel_wait_s):
            return Effect(Applied.APPLIED, _answer("cancelled"))
        closed = self._signalled(ask, sql.TERMINATE, what)
        if isinstance(closed, Effect):
            error = f"after it was cancelled: {closed.error}"
            return Effect(Applied.UNKNOWN, error=error) if signalled else closed
        if not closed:
            return Effect(Applied.APPLIED, _answer("cancelled")) if signalled else _MOVED
        if self._is_over(ask, what, _GONE_WITHIN_S):
            return Effect(Applied.APPLIED, _answer("closed"))
        return Effect(Applied.UNKNOWN, error="it was signalled, and its transaction is still open")

    def _signalled(
        self, ask: "_Ask", statement: LiteralString, what: Mapping[str, Any]
    ) -> bool | Effect:
        """Whether the planned transaction was found and signalled, or that it was refused."""
        try:
            return bool(ask(statement, what))
        except psycopg.OperationalError:
            raise  # the connection: nobody knows
        except psycopg.Error as error:
            return Effect(Applied.NOT_APPLIED, error=f"refused: {_said(error)}")

    def _is_over(self, ask: "_Ask", what: Mapping[str, Any], patience_s: float) -> bool:
        for _ in range(math.ceil(patience_s / _LOOK_EVERY_S)):
            if not ask(sql.STILL_THERE, what):
                return True
            self._wait(_LOOK_EVERY_S)
        return False

    def _chosen(self, request: ActionRequest, backends: dict[int, Backend]) -> Backend:
        """The one the request names, by target or parameters; else the only one there is."""
        named = _pair(request.target) if request.target else _named(request)
        if named:
            return _find(backends, *named)
        found = heads(backends)
        if len(found) != 1:
            msg = f"{len(found)} backends hold others up: name one"
            raise NothingToActOn(msg)
        return found[0]

    def _why_never(self, backend: Backend) -> str:
        """Why this backend is never ended, whoever asks; the statement itself asks most again."""
        application = backend.application_name or ""
        reasons = {
            "is AIRRA's own": bool(backend.is_own) or application.lower().startswith("airra"),
            "cannot be seen whole: grant pg_read_all_stats": not backend.backend_type,
            "is none of a client": backend.backend_type != "client backend",
            "belongs to a superuser": backend.is_superuser,
            "replicates": backend.replicates,
            "belongs to a role that is never ended": backend.usename in self._options.never_roles,
            "runs what is never ended": application in self._options.never_applications,
            "has no open transaction": backend.xact_start is None,
        }
        return next((reason for reason, is_so in reasons.items() if is_so), "")

    def _checks(self, backend: Backend, victims: list[Backend]) -> tuple[Check, ...]:
        longest = max(v.waited_s or 0 for v in victims)
        enough = longest >= self._options.blocked_for_s
        open_s = backend.open_s or 0
        told = f"{len(victims)} wait, the longest for {longest:.0f} s"
        state = backend.state or "unknown"
        return (
            Check("is a blocker", ok=True, detail=f"{state}, open for {open_s:.0f} s"),
            Check("may be ended", ok=True, detail=f"an ordinary role: {backend.usename}"),
            Check("is not AIRRA's", ok=True),
            Check(
                "victims",
                ok=enough,
                detail=told if enough else f"{told}: not yet {self._options.blocked_for_s:g} s",
                is_fatal=False,
            ),
        )

    def _database(self, service: str) -> str:
        try:
            return self._options.databases[service]
        except KeyError:
            msg = f"the endpoint knows no database of {service}"
            raise UnknownService(msg) from None

    @contextmanager
    def _reading(self, service: str) -> Iterator["_Ask"]:
        """For looking only: every trouble is an `ExecutorError`."""
        try:
            with self._asking(service) as ask:
                yield ask
        except psycopg.Error as error:
            raise ExecutorError(_said(error)) from error

    @contextmanager
    def _asking(self, service: str) -> Iterator["_Ask"]:
        """A connection of its own. Raises `ExecutorError` when there is none to be had."""
        try:
            connection = psycopg.connect(
                self._at.url,
                password=self._at.secret,
                dbname=self._database(service),
                connect_timeout=max(2, math.ceil(self._at.timeout_s)),
                application_name=_APPLICATION,
                sslmode=self._options.sslmode,
                autocommit=True,
                row_factory=dict_row,
                **self._root_certificate(),
            )
        except psycopg.Error as error:
            raise ExecutorError(_said(error)) from error
        try:
            yield _Ask(connection, self._at.timeout_s)
        finally:
            with suppress(psycopg.Error):
                connection.close()

    def _root_certificate(self) -> dict[str, Any]:
        is_checked = self._options.sslmode == "verify-full" or (
            self._options.sslmode == "verify-ca" and self._options.sslrootcert != "system"
        )
        return {"sslrootcert": self._options.sslrootcert} if is_checked else {}


class _Ask:
    """One statement after another; a silent server is hung up on after `timeout_s`."""

    def __init__(self, connection: psycopg.Connection[DictRow], timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    def __call__(self, statement: LiteralString, params: Mapping[str, Any]) -> list[DictRow]:
        timer = threading.Timer(self._timeout_s, self._hang_up)
        timer.start()
        try:
            return self._connection.execute(statement, params).fetchall()
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        with suppress(OSError, psycopg.Error):
            ours = socket.socket(fileno=os.dup(self._connection.fileno()))
            ours.shutdown(socket.SHUT_RDWR)
            ours.close()


def _backends(ask: _Ask) -> dict[int, Backend]:
    return {fields["pid"]: sql.row(fields) for fields in ask(sql.BACKENDS, {})}


def _find(backends: dict[int, Backend], pid: int, start: datetime) -> Backend:
    backend = backends.get(pid)
    if backend is None or backend.backend_start != start:
        msg = f"there is no backend {pid} that started at {start.isoformat()}"
        raise NothingToActOn(msg)
    return backend


def _named(request: ActionRequest) -> tuple[int, datetime] | None:
    pid, start = request.params.get("pid"), request.params.get("backend_start")
    return (int(pid), datetime.fromisoformat(str(start))) if pid and start else None


def _pair(target: str) -> tuple[int, datetime]:
    pid, _, start = target.partition("@")
    try:
        return int(pid), datetime.fromisoformat(start)
    except ValueError as error:
        msg = f"{target!r} names no backend"
        raise ExecutorError(msg) from error


def _identity(planned: PlannedAction) -> dict[str, Any]:
    """What the statement matches. Raises ValueError for a plan that names nobody."""
    _, _, backend = planned.target_id.rpartition(" ")
    pid, start = _pair(backend)
    began = planned.target_version.removeprefix("transaction ")
    return {
        "pid": pid,
        "backend_start": start.isoformat(),
        "xact_start": datetime.fromisoformat(began).isoformat(),
    }


def _until(attempt: Attempt) -> float:
    """The server itself lets nothing land later: neither the lease nor the credential is over."""
    return min(attempt.deadline, attempt.issued_at + CREDENTIAL_LIFE_S)


def _answer(how: str) -> dict[str, Any]:
    return {"how": how, "target": {"version": "transaction ended"}}


def _said(error: psycopg.Error) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
