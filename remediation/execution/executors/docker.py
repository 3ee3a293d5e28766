"""Docker and Podman: restart a container by its full id, and give it other limits.

The engine knows neither versions nor keys, so the last look before the effect is ours alone: it
is at the container's start and limits. A probe of `restart` goes by a start after the intent and by
what the engine remembers of being asked, so a restart that somebody else asks for in the same
moment reads as ours; a probe of `resize` goes by the limits. `resize` is refused where there is no
limit yet: the engine cannot take one away again. It is AIRRA's own clock, not the engine, that
keeps a late attempt from landing.

Never touched: privileged containers, those that hold an engine's socket, and AIRRA's own (its own
compose project, and whatever has the label `airra.self`). The socket is as good as root: give the
executor one that a proxy keeps to reading, `restart` and `update`. Podman speaks the same API and
has not been tried.
"""

import re
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
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
from remediation.execution.executors.docker_api import Engine, Json, NoAnswer, Said
from remediation.execution.executors.docker_checks import look, owner_of, why_never
from remediation.execution.executors.docker_limits import Limits
from remediation.execution.executors.docker_offers import resizes
from remediation.types import (
    ActionRequest,
    Applied,
    Fidelity,
    PlannedAction,
    Probe,
    Reversibility,
)

_REFUSED = frozenset({304, 400, 401, 403, 405, 409})
_GONE = 404
WHEN_APPLIED = "when it is applied"
Options = options.Docker
GUARANTEES = Guarantees(
    fidelity=Fidelity.SIMULATED,
    has_probe=True,
    has_precondition=False,
    is_idempotent=False,
    # Of our own making: the lease, one call and the stop of a container are over long before.
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"restart", "resize"}),
    undoes=frozenset({"resize"}),
)


def connect(connection: Connection) -> "DockerExecutor":
    return DockerExecutor(connection, Options.model_validate(dict(connection.options)))


class DockerExecutor:
    """Speaks to one engine."""

    def __init__(self, connection: Connection, chosen: Options, *, hostname: str = "") -> None:
        self._options = chosen
        self._engine = Engine(connection.url, timeout_s=connection.timeout_s)
        self._hostname = hostname or socket.gethostname()

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        try:
            found = self._found(service)
        except NothingToActOn as error:
            raise UnknownService(str(error)) from error
        first = self._engine.inspect(str(found[0]["Id"]))
        return ServiceDescription(
            name=service,
            replicas=len(found),
            revision=str(first.get("Image", ""))[:80],
            version=_started(first),
            actions=GUARANTEES.actions,
            owner=owner_of(first),
            offers=self._offers(found, first),
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        return tuple(str(item["Id"]) for item in self._found(request.service))

    def plan(self, request: ActionRequest) -> PlannedAction:
        found = self._found(request.service)
        info = self._read(request, [str(item["Id"]) for item in found])
        if request.action == "restart":
            return self._plan_restart(request, info, len(found))
        if request.action == "resize":
            return self._plan_resize(request, info, len(found))
        msg = f"{request.action} is not for a container; restart and resize are"
        raise ExecutorError(msg)

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        request = planned.request
        try:
            found = [str(item["Id"]) for item in self._found(request.service)]
            info = self._read(request, found)
            moved = _how_it_moved(info, planned)
            failing = moved or look(self._engine, info, request, len(found)).failing
        except ExecutorError as error:  # of a read, before anything was sent
            is_gone = isinstance(error, NothingToActOn)
            return Effect(Applied.NOT_APPLIED, error=str(error), moved=is_gone)
        if failing:
            return Effect(Applied.NOT_APPLIED, error=failing, moved=True)
        if clock.now().timestamp() >= attempt.deadline:
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        try:
            said = self._send(request, info)
        except ExecutorError as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        except NoAnswer as error:
            # The read just before was answered, so this may well have been sent.
            return Effect(Applied.UNKNOWN, error=str(error))
        return self._effect(said, request, attempt)

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        request = planned.request
        try:
            info = self._engine.inspect(request.target)
            if _version(info, request) == planned.target_version:
                # A container that is down on the way to its restart has the old start time.
                is_up = request.action != "restart" or _is_running(info)
                return (Probe.ABSENT if is_up else Probe.CANNOT_TELL), {}
            is_ours = (
                self._was_restarted(info, attempt)
                if request.action == "restart"
                else Limits.of(info) == Limits.parse(planned.target_version).with_(request.params)
            )
        except (ExecutorError, NoAnswer):
            return Probe.CANNOT_TELL, {}
        return (
            (Probe.APPLIED, _told(info, request, attempt)) if is_ours else (Probe.CANNOT_TELL, {})
        )

    def _found(self, service: str) -> list[Json]:
        """Its containers, the first of compose first; those that run, or all where none does."""
        labels = [f"{self._options.label}={service}"]
        if self._options.project:
            labels.append(f"com.docker.compose.project={self._options.project}")
        found = [c for c in self._engine.containers(labels) if _counts(c)]
        found = [c for c in found if c.get("State") in {"running", "restarting"}] or found
        if not found:
            msg = f"no container has the label {self._options.label}={service[:80]}"
            raise NothingToActOn(msg)
        if len(found) > self._options.max_targets:
            msg = f"{service} has {len(found)} containers, more than {self._options.max_targets}"
            raise NothingToActOn(msg)
        return sorted(found, key=_place)

    def _read(self, request: ActionRequest, found: list[str]) -> Json:
        """The planned container, which has to be one of the service still."""
        if request.target not in found:
            msg = f"{request.target[:12] or 'no container'} is none of {request.service}"
            raise NothingToActOn(msg)
        info = self._engine.inspect(request.target)
        refused = why_never(info, own=self._own())
        if refused:
            raise ExecutorError(refused)
        return info

    def _own(self) -> Json:
        """AIRRA's own container, where it runs in one on this engine."""
        # The engine names a container's host by the first twelve characters of its id.
        if not re.fullmatch(r"[0-9a-f]{12}", self._hostname):
            return {}
        try:
            return self._engine.inspect(self._hostname)
        except NothingToActOn:
            return {}

    def _offers(self, found: list[Json], first: Json) -> tuple[Offer, ...]:
        """Of one container: the catalogue lets a resize touch no more than one."""
        if len(found) > 1 or owner_of(first) == "swarm" or why_never(first, own=self._own()):
            return ()
        return resizes(self._engine, first)

    def _plan_restart(self, request: ActionRequest, info: Json, replicas: int) -> PlannedAction:
        name = str(info.get("Name", "")).lstrip("/")
        wait = self._options.stop_timeout_s
        return self._planned(
            request,
            info,
            replicas,
            before={"started_at": _started(info)},
            after={"started_at": WHEN_APPLIED},
            effects=(f"{name} is stopped, killed after {wait} s if need be, and started again",),
        )

    def _plan_resize(self, request: ActionRequest, info: Json, replicas: int) -> PlannedAction:
        now = Limits.of(info)
        wanted = now.with_(request.params)
        name = str(info.get("Name", "")).lstrip("/")
        planned = self._planned(
            request,
            info,
            replicas,
            before=now.view(request.params),
            after=wanted.view(request.params),
            effects=(f"{name} goes on with other limits, without a restart",),
        )
        return replace(
            planned,
            reversibility=Reversibility.EXACT_UNDO,
            undo=replace(request, params=now.params(request.params)),
        )

    def _planned(
        self,
        request: ActionRequest,
        info: Json,
        replicas: int,
        *,
        before: Json,
        after: Json,
        effects: tuple[str, ...],
    ) -> PlannedAction:
        found = look(self._engine, info, request, replicas)
        return PlannedAction(
            request=request,
            target_id=f"container/{request.target}",
            target_version=_version(info, request),
            before=before,
            after=after,
            effects=effects,
            reversibility=Reversibility.SELF_HEALING,
            undo=None,
            fidelity=Fidelity.SIMULATED,
            checks=found.checks,
            owner=owner_of(info),
        )

    def _send(self, request: ActionRequest, info: Json) -> Said:
        if request.action == "restart":
            return self._engine.restart(request.target, stop_timeout_s=self._options.stop_timeout_s)
        now = Limits.of(info)
        return self._engine.update(request.target, now.changes_to(now.with_(request.params)))

    def _effect(self, said: Said, request: ActionRequest, attempt: Attempt) -> Effect:
        """What an answer to the change proves."""
        if said.status in _REFUSED:
            return Effect(Applied.NOT_APPLIED, error=f"refused, {said.status}: {said.reason}")
        if said.status == _GONE:
            return Effect(Applied.NOT_APPLIED, error=f"it is gone: {said.reason}", moved=True)
        if said.status not in {200, 204}:
            return Effect(Applied.UNKNOWN, error=f"answered {said.status}: {said.reason}")
        try:
            info = self._engine.inspect(request.target)
        except ExecutorError:  # done all the same; without a version it will not be undone
            return Effect(Applied.APPLIED, {"key": attempt.key})
        return Effect(Applied.APPLIED, _told(info, request, attempt))

    def _was_restarted(self, info: Json, attempt: Attempt) -> bool:
        started = _seconds(_started(info))
        return started >= attempt.issued_at and self._engine.was_restarted(
            str(info["Id"]), since=attempt.issued_at, until=started + 1
        )


def _how_it_moved(info: Json, planned: PlannedAction) -> str:
    now = _version(info, planned.request)
    return "" if now == planned.target_version else f"it is at {now}, not {planned.target_version}"


def _version(info: Json, request: ActionRequest) -> str:
    """What an approval binds to: the start of the process, or the limits."""
    return str(Limits.of(info)) if request.action == "resize" else _started(info)


def _started(info: Json) -> str:
    return str((info.get("State") or {}).get("StartedAt", ""))


def _is_running(info: Json) -> bool:
    return bool((info.get("State") or {}).get("Running"))


def _seconds(stamp: str) -> float:
    """Unix seconds of an engine's time, which has nanoseconds. 0 for what is none."""
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0


def _counts(container: Json) -> bool:
    labels = container.get("Labels") or {}
    is_one_off = str(labels.get("com.docker.compose.oneoff", "")).lower() == "true"
    return not is_one_off and container.get("State") not in {"created", "removing", "dead"}


def _place(container: Json) -> tuple[int, int, str]:
    number = str((container.get("Labels") or {}).get("com.docker.compose.container-number", "0"))
    return (
        int(number) if number.isdigit() else 0,
        int(container.get("Created") or 0),
        str(container["Id"]),
    )


def _told(info: Json, request: ActionRequest, attempt: Attempt) -> dict[str, Any]:
    """The answer as it is stored, with the version an undo would have to find."""
    return {
        "key": attempt.key,
        "target": {"id": f"container/{request.target}", "version": _version(info, request)},
        "running": _is_running(info),
    }
