"""Drains one server of an HAProxy backend, takes it out, or puts it back.

Runtime state only: a reload of HAProxy forgets it, unless it loads a server state file.
"""

import re
from collections.abc import Mapping
from typing import Any

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
from remediation.execution.executors.haproxy_socket import (
    Server,
    Socket,
    Unsent,
    servers_of,
    worst,
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

Options = options.Haproxy
GUARANTEES = Guarantees(
    fidelity=Fidelity.SIMULATED,  # it shows its state and has no dry run
    has_probe=True,
    has_precondition=False,  # its socket knows no compare-and-set: only our own look
    is_idempotent=False,  # it keeps no key; a second one is refused by our own look
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"drain"}),
    undoes=frozenset({"drain"}),
)
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_STATES = ("drain", "maint", "ready")
_EFFECTS = {
    "drain": "no new sessions go to it; those it has go on",
    "maint": "it is taken out: its sessions are not waited for, its health is not checked",
    "ready": "it takes new sessions again as soon as it is healthy",
}
_RELOAD = "a reload of HAProxy forgets this, unless it loads a server state file"


def connect(connection: Connection) -> "HaproxyExecutor":
    return HaproxyExecutor(connection, Options.model_validate(dict(connection.options)))


class HaproxyExecutor:
    """Speaks to one runtime socket, one connection for each command."""

    def __init__(self, connection: Connection, given: Options) -> None:
        self._socket = Socket(connection.url, connection.timeout_s)
        self._options = given

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        servers = self._servers(service)
        states = sorted(f"{s.name} {s.state}" for s in servers.values())
        return ServiceDescription(
            name=service,
            replicas=len(servers),
            revision="",
            version=", ".join(states),
            actions=GUARANTEES.actions,
            offers=self._offers(servers),
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        self._server(request)
        return ("",)  # the parameters name the one server

    def plan(self, request: ActionRequest) -> PlannedAction:
        server, servers = self._server(request)
        wanted = _wanted(request)
        if not server.is_ours:
            msg = f"{server.name} follows another server or its resolver: change it there"
            raise ExecutorError(msg)
        if server.state == wanted:
            msg = f"{server.name} is {wanted} already"
            raise ExecutorError(msg)
        checks = self._checks(server, wanted, servers)
        _stand_by(checks)
        return PlannedAction(
            request=request,
            target_id=f"{self._backend(request.service)}/{server.name}",
            target_version=server.version_in(server.state),
            before={"state": server.state},
            after={"state": wanted},
            effects=(f"{server.name}: {_EFFECTS[wanted]}", _RELOAD),
            reversibility=Reversibility.EXACT_UNDO,
            undo=ActionRequest(
                request.action, request.service, {"server": server.name, "state": server.state}
            ),
            fidelity=Fidelity.SIMULATED,
            checks=checks,
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        if _is_late(attempt):
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        request = planned.request
        try:
            server, servers = self._server(request)
            wanted = _wanted(request)
            if server.version_in(server.state) != planned.target_version:
                error = f"{server.name} is {server.state} at {server.address} now"
                return Effect(Applied.NOT_APPLIED, error=error, moved=True)
            _stand_by(self._checks(server, wanted, servers))
            command = f"set server {self._backend(request.service)}/{server.name} state {wanted}"
        except ExecutorError as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        return self._sent(command, attempt, server, request)

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """By the state it is in: what was wanted, what was before, or something else."""
        try:
            server, _ = self._server(planned.request)
            wanted = _wanted(planned.request)
        except ExecutorError:
            return Probe.CANNOT_TELL, {}
        if server.state == wanted:
            return Probe.APPLIED, _answer(server, wanted)
        is_as_before = server.version_in(server.state) == planned.target_version
        return (Probe.ABSENT if is_as_before else Probe.CANNOT_TELL), {}

    def _sent(
        self, command: str, attempt: Attempt, server: Server, request: ActionRequest
    ) -> Effect:
        wanted = _wanted(request)
        try:
            said = self._socket.say(command, lambda: not _is_late(attempt)).strip()
        except Unsent as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        except ExecutorError as error:
            return Effect(Applied.UNKNOWN, error=str(error))
        if said:  # it says nothing when it has done it
            return Effect(Applied.NOT_APPLIED, error=f"refused: {' '.join(said.split())[:200]}")
        try:
            now, _ = self._server(request)
        except ExecutorError as error:
            return Effect(Applied.UNKNOWN, error=f"it cannot be read back: {error}")
        if now.state != wanted:
            return Effect(Applied.UNKNOWN, error=f"it reads back as {now.state}")
        return Effect(Applied.APPLIED, _answer(server, wanted))

    def _checks(self, server: Server, wanted: str, servers: dict[str, Server]) -> tuple[Check, ...]:
        rest = [other for other in servers.values() if other.is_in and other is not server]
        known = Check("server is known", ok=True, detail=f"{server.address}, {server.state}")
        runtime = Check("runtime only", ok=True, detail=_RELOAD)
        if wanted == "ready":
            return (
                known,
                Check("the rest can carry it", ok=True, detail="one more comes in"),
                runtime,
            )
        sessions = Check(
            "its sessions are over",
            ok=wanted == "drain" or server.sessions == 0,
            detail=f"{server.sessions} sessions",
            is_fatal=False,
        )
        return known, *self._load(server, rest), sessions, runtime

    def _load(self, server: Server, rest: list[Server]) -> tuple[Check, ...]:
        """Enough servers stay, and what all carry now fits into what the rest may carry."""
        enough = len(rest) >= self._options.keep
        told = f"{len(rest)} of {self._options.keep} servers that must stay in"
        if not enough:
            return (Check("the rest can carry it", ok=False, detail=told),)
        if any(other.limit is None for other in rest):
            detail = f"{len(rest)} servers stay in; without a maxconn nobody knows what they carry"
            return (Check("the rest can carry it", ok=False, detail=detail, is_fatal=False),)
        room = sum(other.limit or 0 for other in rest) * self._options.most_share
        load = server.sessions + sum(other.sessions for other in rest)
        detail = f"{load} sessions on {len(rest)} servers with room for {room:.0f}"
        return (Check("the rest can carry it", ok=load <= room, detail=detail),)

    def _offers(self, servers: dict[str, Server]) -> tuple[Offer, ...]:
        bad = worst(servers)
        if bad is None:
            return ()
        server, why = bad
        checks = self._checks(server, "drain", servers)
        if any(check.is_fatal and not check.ok for check in checks):
            return ()
        params = {"server": server.name, "state": "drain"}
        return (Offer("drain", params, f"{server.name} {why}"),)

    def _server(self, request: ActionRequest) -> tuple[Server, dict[str, Server]]:
        servers = self._servers(request.service)
        name = str(request.params.get("server", ""))
        if name not in servers:
            msg = f"the backend of {request.service} has no server {name!r}"
            raise NothingToActOn(msg)
        return servers[name], servers

    def _servers(self, service: str) -> dict[str, Server]:
        backend = self._backend(service)
        admin = self._socket.say(f"show servers state {backend}")
        servers = servers_of(admin, self._socket.say("show stat"), backend)
        if not servers:
            msg = f"HAProxy has no backend {backend} with servers"
            raise UnknownService(msg)
        return servers

    def _backend(self, service: str) -> str:
        backend = self._options.backends.get(service, "")
        if not _NAME.fullmatch(backend):
            msg = f"the endpoint knows no backend of {service}"
            raise UnknownService(msg)
        return backend


def _wanted(request: ActionRequest) -> str:
    """The wanted state. What goes to the socket is one of three words and a plain name."""
    state = str(request.params.get("state", "drain"))
    name = str(request.params.get("server", ""))
    if request.action != "drain" or state not in _STATES or not _NAME.fullmatch(name):
        msg = f"HAProxy knows no {request.action} to {state!r} of {name!r}"
        raise ExecutorError(msg)
    return state


def _stand_by(checks: tuple[Check, ...]) -> None:
    for check in checks:
        if check.is_fatal and not check.ok:
            msg = f"{check.name}: no: {check.detail}"
            raise ExecutorError(msg)


def _answer(server: Server, state: str) -> dict[str, Any]:
    return {"target": {"version": server.version_in(state)}}


def _is_late(attempt: Attempt) -> bool:
    return clock.now().timestamp() >= attempt.deadline
