"""Restarts or reloads a unit of a host, over SSH with a forced command (`hostside/airra_exec.py`).

The host itself refuses what is too old, what it has done already and what is not as planned; the
key in AIRRA's hands can do nothing else there.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import asyncssh
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airra.lib import clock
from remediation.execution import options
from remediation.execution.base import (
    CREDENTIAL_LIFE_S,
    Attempt,
    Connection,
    Effect,
    ExecutorError,
    Guarantees,
    ServiceDescription,
    UnknownService,
)
from remediation.types import (
    ActionRequest,
    Applied,
    Check,
    Fidelity,
    PlannedAction,
    Probe,
    Reversibility,
)

Options = options.Systemd
GUARANTEES = Guarantees(
    fidelity=Fidelity.SIMULATED,  # systemd shows the unit and what hangs on it, and has no dry run
    has_probe=True,
    has_precondition=True,
    is_idempotent=True,
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"restart", "reload"}),
    undoes=frozenset(),
)
_LOGIN_S = 10.0
_MOST_BYTES = 64 * 1024
_REFUSED = 4
_COMMAND = "airra-exec"  # a name for the host's log: what runs is what authorized_keys says


class _Unsent(ExecutorError):
    """Certainly nothing has reached the host's command."""


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Unit(_Told):
    unit: str = Field(max_length=120)
    load: str
    active: str
    invocation: str = Field(max_length=64)
    version: str = Field(min_length=1, max_length=100)
    can_reload: bool
    may_stop: bool
    dependants: tuple[str, ...] = Field(max_length=20)
    burst: int
    starts: int


class _Done(_Told):
    state: Literal["applied", "failed", "begun", "absent"]
    unit: str = ""
    verb: str = ""
    version: str = Field(default="", max_length=100)
    active: str = ""
    error: str = Field(default="", max_length=300)

    @property
    def answer(self) -> dict[str, Any]:
        return {"active": self.active, "error": self.error, "target": {"version": self.version}}


class _Refusal(_Told):
    error: str = Field(max_length=300)
    moved: bool = False


def connect(connection: Connection) -> "SystemdExecutor":
    return SystemdExecutor(connection, Options.model_validate(dict(connection.options)))


class SystemdExecutor:
    """Speaks to one host, one connection for each call."""

    def __init__(self, connection: Connection, given: Options) -> None:
        self._at = connection
        self._options = given

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        unit = self._look(service, "describe")
        possible = {"restart"} | ({"reload"} if unit.can_reload else set())
        return ServiceDescription(
            name=service,
            replicas=1 if unit.active == "active" else 0,
            revision="",
            version=unit.version,
            actions=frozenset(possible),
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        self._unit(request.service)
        return ("",)  # a service is one unit of this host

    def plan(self, request: ActionRequest) -> PlannedAction:
        if request.action not in GUARANTEES.actions:
            msg = f"a unit knows no {request.action}"
            raise ExecutorError(msg)
        unit = self._look(request.service, "dry-run")
        checks = _checks(request.action, unit)
        for check in checks:
            if check.is_fatal and not check.ok:
                msg = f"{check.name}: no: {check.detail}"
                raise ExecutorError(msg)
        before, after, effects = _shown(request.action, unit)
        return PlannedAction(
            request=request,
            target_id=f"{urlsplit(self._at.url).hostname} {unit.unit}"[:120],
            target_version=unit.version,
            before=before,
            after=after,
            effects=effects,
            reversibility=Reversibility.SELF_HEALING,
            undo=None,
            fidelity=Fidelity.SIMULATED,
            checks=checks,
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        if _is_late(attempt):
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        request = planned.request
        if request.action not in GUARANTEES.actions:
            return Effect(Applied.NOT_APPLIED, error=f"a unit knows no {request.action}")
        asked = {
            "key": attempt.key,
            "issued_at": attempt.issued_at,
            "deadline": attempt.deadline,
            "expected": planned.target_version,
        }
        try:
            told = self._ask(request.service, request.action, asked, lambda: not _is_late(attempt))
        except (_Unsent, UnknownService) as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        except ExecutorError as error:
            return Effect(Applied.UNKNOWN, error=str(error))
        if isinstance(told, _Refusal):
            why = told.error if told.moved else f"refused: {told.error}"
            return Effect(Applied.NOT_APPLIED, error=why, moved=told.moved)
        return self._effect(told, request)

    def _effect(self, told: Mapping[str, Any], request: ActionRequest) -> Effect:
        try:
            done = _Done.model_validate(told)
        except ValidationError:
            return Effect(Applied.UNKNOWN, error="the host's answer cannot be read")
        if (done.unit, done.verb) != (self._unit(request.service), request.action):
            return Effect(Applied.UNKNOWN, done.answer, error="the answer is for another change")
        ends = {"applied": Applied.APPLIED, "failed": Applied.NOT_APPLIED}
        return Effect(ends.get(done.state, Applied.UNKNOWN), done.answer, error=done.error)

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """By the key alone: the host keeps every key before it acts."""
        try:
            told = self._ask(planned.request.service, "probe", {"key": attempt.key})
            done = None if isinstance(told, _Refusal) else _Done.model_validate(told)
        except (ExecutorError, ValidationError):
            return Probe.CANNOT_TELL, {}
        if done is None or done.state == "begun":
            return Probe.CANNOT_TELL, {}
        return (Probe.APPLIED if done.state == "applied" else Probe.ABSENT), done.answer

    def _look(self, service: str, verb: str) -> _Unit:
        told = self._ask(service, verb, {})
        if isinstance(told, _Refusal):
            msg = f"the host refused: {told.error}"
            raise ExecutorError(msg)
        try:
            unit = _Unit.model_validate(told)
        except ValidationError as error:
            msg = "the host's answer cannot be read"
            raise ExecutorError(msg) from error
        if unit.load == "not-found":
            msg = f"the host has no unit {unit.unit}"
            raise UnknownService(msg)
        return unit

    def _unit(self, service: str) -> str:
        try:
            return self._options.units[service]
        except KeyError:
            msg = f"the endpoint knows no unit of {service}"
            raise UnknownService(msg) from None

    def _ask(
        self,
        service: str,
        verb: str,
        more: Mapping[str, Any],
        may_send: Callable[[], bool] = lambda: True,
    ) -> Mapping[str, Any] | _Refusal:
        """The host's answer. Raises `_Unsent` or, when it may have been heard, `ExecutorError`."""
        request = json.dumps({"verb": verb, "unit": self._unit(service), **more})
        status, output = asyncio.run(self._talk(request, may_send))
        try:
            told = json.loads(output)
            if status == _REFUSED:
                return _Refusal.model_validate(told)
        except (ValueError, ValidationError) as error:
            msg = "the host's answer cannot be read"
            raise ExecutorError(msg) from error
        if status != 0 or not isinstance(told, dict):
            msg = f"the host's command ended with {status}"
            raise ExecutorError(msg)
        return told

    async def _talk(self, request: str, may_send: Callable[[], bool]) -> tuple[int | None, str]:
        try:
            login = self._login()
            async with asyncio.timeout(max(_LOGIN_S, self._at.timeout_s)):
                connection = await login
        except (OSError, asyncssh.Error, TimeoutError, ValueError) as error:
            msg = f"no connection to the host: {str(error)[:150] or type(error).__name__}"
            raise _Unsent(msg) from error
        try:
            if not may_send():
                msg = "too late: the lease was over before sending"
                raise _Unsent(msg)
            async with asyncio.timeout(self._at.timeout_s):
                return await _said(connection, request)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            msg = f"no answer from the host: {str(error)[:150] or type(error).__name__}"
            raise ExecutorError(msg) from error
        finally:
            connection.abort()  # nothing more is wanted of it, however it went

    async def _login(self) -> asyncssh.SSHClientConnection:
        """With the pinned host key and our key; nothing of this machine's SSH settings."""
        where = urlsplit(self._at.url)
        if where.scheme != "ssh" or not where.hostname or not where.username:
            msg = "the address must be ssh://user@host:port"
            raise ValueError(msg)
        pinned = asyncssh.import_public_key(self._options.host_key)
        return await asyncssh.connect(
            where.hostname,
            where.port or 22,
            username=where.username,
            client_keys=[asyncssh.import_private_key(self._at.secret)],
            known_hosts=([pinned], [], []),
            preferred_auth="publickey",
            agent_path=None,
            config=None,
        )


async def _said(connection: asyncssh.SSHClientConnection, request: str) -> tuple[int | None, str]:
    process = await connection.create_process(_COMMAND, stderr=asyncssh.DEVNULL)
    process.stdin.write(request)
    process.stdin.write_eof()
    output = ""
    while piece := await process.stdout.read(_MOST_BYTES):
        output += piece
        if len(output) > _MOST_BYTES:
            msg = "too long an answer"
            raise OSError(msg)
    await process.wait_closed()
    return process.exit_status, output


def _shown(action: str, unit: _Unit) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    if action == "reload":
        before, after = {"configuration": "as loaded"}, {"configuration": "read again"}
        return before, after, (f"{unit.unit} reads its configuration again; it is not stopped",)
    along = tuple(f"{name} hangs on it and is restarted along" for name in unit.dependants)
    stopped = f"{unit.unit} is stopped and started: nobody is served in between"
    return {"process": "as started"}, {"process": "new process"}, (stopped, *along)


def _checks(action: str, unit: _Unit) -> tuple[Check, ...]:
    is_settled = unit.active in {"active", "failed", "inactive"}
    common = (
        Check("unit is loaded", ok=unit.load == "loaded", detail=unit.load),
        Check("unit is settled", ok=is_settled, detail=unit.active),
    )
    if action == "reload":
        can = unit.can_reload and unit.active == "active"
        told = "it can" if can else "it has no reload, or does not run"
        return (*common, Check("unit can reload", ok=can, detail=told))
    left = unit.burst - unit.starts if unit.burst else 1
    return (
        *common,
        Check("unit may be stopped", ok=unit.may_stop, detail="by hand"),
        Check("starts left", ok=left > 0, detail=f"{unit.starts} of {unit.burst} used by AIRRA"),
        Check(
            "dependants",
            ok=not unit.dependants,
            detail=", ".join(unit.dependants)[:200] or "nothing is restarted along",
            is_fatal=False,
        ),
    )


def _is_late(attempt: Attempt) -> bool:
    return clock.now().timestamp() >= attempt.deadline
