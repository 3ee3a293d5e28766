"""Runs a runbook script that people reviewed and signed, `docs/reference/runbook-scripts.md`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
    NothingToActOn,
    ServiceDescription,
    UnknownService,
)
from remediation.execution.executors.script_manifest import ScriptFile, load, script_of
from remediation.execution.executors.script_run import Ended, Limits, NotStarted, run
from remediation.types import (
    ActionRequest,
    Applied,
    Check,
    Fidelity,
    PlannedAction,
    Probe,
    Reversibility,
)

Options = options.Script
GUARANTEES = Guarantees(
    fidelity=Fidelity.SIMULATED,  # the word of its --check; DESCRIBED for a script without one
    has_probe=True,  # of a script that says so in the manifest; the others cannot tell
    has_precondition=False,  # what a script makes of the expected version is its own affair
    is_idempotent=False,  # and so is what it makes of the key
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"run_script"}),
    undoes=frozenset({"run_script"}),
)
_APPLIED, _NOTHING_TO_DO, _REFUSED = 0, 3, 4
_PLAIN = r"^[ -~]{1,60}$"


class _Told(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Checked(_Told):
    """What --check answers."""

    version: str = Field(pattern=_PLAIN)
    before: dict[str, Any] = Field(max_length=50)
    after: dict[str, Any] = Field(max_length=50)
    effects: tuple[str, ...] = Field(min_length=1, max_length=10)


class _Done(_Told):
    """What --apply and --undo answer."""

    version: str = Field(default="", pattern=r"^[ -~]{0,60}$")
    moved: bool = False


def connect(connection: Connection) -> "ScriptExecutor":
    return ScriptExecutor(connection, Options.model_validate(dict(connection.options)))


class ScriptExecutor:
    """The scripts of one directory. Every verb is a process of its own, with its own limits."""

    def __init__(self, connection: Connection, given: Options) -> None:
        self._at = connection
        self._options = given

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        names = self._names(service)
        known = load(self._directory(), self._options.public_key).scripts
        here = sorted(name for name in names if name in known)
        return ServiceDescription(
            name=service,
            replicas=1,
            revision=", ".join(here),
            version=", ".join(known[name].sha256[:12] for name in here) or "no scripts",
            actions=GUARANTEES.actions,
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        self._script(request)
        return ("",)

    def plan(self, request: ActionRequest) -> PlannedAction:
        found = self._script(request)
        script = found.script
        told = self._checked(found, request) if script.can_check else _described(request)
        undo = None
        if script.can_undo:
            back = not request.params.get("undo", False)
            params = {**request.params, "undo": back}
            undo = ActionRequest(request.action, request.service, params)
        return PlannedAction(
            request=request,
            target_id=f"{request.service} by {request.params['script']}"[:120],
            target_version=_version(found, told.version),
            before=told.before,
            after=told.after,
            effects=(
                *(" ".join(effect.split())[:200] for effect in told.effects),
                f"runs {script.file}, sha256 {script.sha256}",
            ),
            reversibility=script.reversibility if undo else _at_best(script.reversibility),
            undo=undo,
            fidelity=Fidelity.SIMULATED if script.can_check else Fidelity.DESCRIBED,
            checks=_checks(found),
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        if clock.now().timestamp() >= attempt.deadline:
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        try:
            found = self._script(planned.request)
            version = self._version_now(found, planned.request)
        except NothingToActOn as error:
            return Effect(Applied.NOT_APPLIED, error=str(error), moved=True)
        except ExecutorError as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        if version != planned.target_version:
            return Effect(Applied.NOT_APPLIED, error=f"it is at {version} now", moved=True)
        return self._acted(found, planned, attempt)

    def _acted(self, found: ScriptFile, planned: PlannedAction, attempt: Attempt) -> Effect:
        verb = "undo" if planned.request.params.get("undo", False) else "apply"
        if verb == "undo" and not found.script.can_undo:
            return Effect(Applied.NOT_APPLIED, error="the script has no undo")
        expected = planned.target_version
        try:
            ended = self._run(found, verb, planned.request, attempt, expected=expected)
        except NotStarted as error:
            return Effect(Applied.NOT_APPLIED, error=str(error))
        return _effect(found, ended)

    def _version_now(self, found: ScriptFile, request: ActionRequest) -> str:
        can_check = found.script.can_check
        told = self._checked(found, request) if can_check else _described(request)
        return _version(found, told.version)

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """The word of its --probe for the key; CANNOT_TELL for a script without one."""
        try:
            found = self._script(planned.request)
            if not found.script.can_probe:
                return Probe.CANNOT_TELL, {}
            ended = self._run(found, "probe", planned.request, attempt)
            told = ended.told() if ended.code == _APPLIED else {}
            done = _Done.model_validate(told)
        except (ExecutorError, ValidationError):
            return Probe.CANNOT_TELL, {}
        if told.get("state") == "applied":
            return Probe.APPLIED, _answer(found, done)
        return (Probe.ABSENT if told.get("state") == "absent" else Probe.CANNOT_TELL), {}

    def _checked(self, found: ScriptFile, request: ActionRequest) -> _Checked:
        """What the script says it would do. Raises `ExecutorError`, also for nothing to do."""
        ended = self._run(found, "check", request, None)
        if ended.code == _NOTHING_TO_DO:
            msg = f"{found.script.file} finds nothing to do"
            raise NothingToActOn(msg)
        if ended.code != _APPLIED:
            how = "refused" if ended.code == _REFUSED else f"its check ended with {ended.code}"
            msg = f"{found.script.file}: {how}: {ended.error or 'no reason'}"
            raise ExecutorError(msg)
        try:
            return _Checked.model_validate(ended.told())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top"
            msg = f"{found.script.file} broke the contract of --check at {where}: {first['msg']}"
            raise ExecutorError(msg) from error

    def _run(
        self,
        found: ScriptFile,
        verb: str,
        request: ActionRequest,
        attempt: Attempt | None,
        expected: str = "",
    ) -> Ended:
        """`attempt` is None for a look without a key."""
        limit_s = self._options.limit_s
        deadline = time.time() + limit_s
        if attempt is not None and verb != "probe":
            deadline = min(attempt.deadline, attempt.issued_at + CREDENTIAL_LIFE_S - limit_s)
        asked = {
            "service": request.service,
            "args": request.params.get("args", {}),
            "undo": bool(request.params.get("undo", False)),
            "key": attempt.key if attempt else "",
            "expected_version": expected.partition(":")[2],
            "secret": self._at.secret,
        }
        limits = Limits(limit_s, self._options.memory_mb)
        return run(found.content, f"--{verb}", asked, limits=limits, deadline=deadline)

    def _script(self, request: ActionRequest) -> ScriptFile:
        """The verified bytes, for arguments the manifest allows. Raises `ExecutorError`."""
        name = str(request.params.get("script", ""))
        if request.action not in GUARANTEES.actions:
            msg = f"a directory of scripts knows no {request.action}"
            raise ExecutorError(msg)
        if name not in self._names(request.service):
            msg = f"the endpoint has no script {name!r} for {request.service}"
            raise NothingToActOn(msg)
        found = script_of(self._directory(), self._options.public_key, name)
        found.script.checked(dict(request.params.get("args", {})))
        return found

    def _names(self, service: str) -> list[str]:
        try:
            return self._options.services[service]
        except KeyError:
            msg = f"the endpoint has no scripts for {service}"
            raise UnknownService(msg) from None

    def _directory(self) -> Path:
        where = urlsplit(self._at.url)
        if where.scheme != "file" or where.netloc or not where.path.startswith("/"):
            msg = "the address must be file:///directory"
            raise ExecutorError(msg)
        return Path(where.path)


def _effect(found: ScriptFile, ended: Ended) -> Effect:
    """What the end of --apply or --undo proves. Whatever is not said plainly is UNKNOWN."""
    try:
        done = _Done.model_validate(ended.told())
    except (ExecutorError, ValidationError):
        done = None
    if ended.code == _APPLIED:
        if done is None:
            return Effect(Applied.UNKNOWN, error="it ended well, and its answer cannot be read")
        return Effect(Applied.APPLIED, _answer(found, done))
    if ended.code == _NOTHING_TO_DO:
        return Effect(Applied.NOT_APPLIED, error="it found nothing to do", moved=True)
    if ended.code == _REFUSED:
        moved = done is not None and done.moved
        return Effect(Applied.NOT_APPLIED, error=f"refused: {ended.error}", moved=moved)
    how = "was killed" if ended.code is None else f"ended with {ended.code}"
    return Effect(Applied.UNKNOWN, error=f"the script {how}: {ended.error}")


def _described(request: ActionRequest) -> _Checked:
    """The diff of a script that cannot check: that it runs."""
    return _Checked(
        version="unseen",
        before={"script": "has not run"},
        after={"script": "has run"},
        effects=(f"whatever {request.params['script']} does: it cannot say so beforehand",),
    )


def _at_best(declared: Reversibility) -> Reversibility:
    exact = declared is Reversibility.EXACT_UNDO
    return Reversibility.COMPENSABLE if exact else declared


def _version(found: ScriptFile, said: str) -> str:
    """Of the script and of what it acts on: an approval binds to both."""
    return f"{found.script.sha256[:16]}:{said}"


def _answer(found: ScriptFile, done: _Done) -> dict[str, Any]:
    return {"target": {"version": _version(found, done.version)}}


def _checks(found: ScriptFile) -> tuple[Check, ...]:
    can_check = found.script.can_check
    told = "it has shown its diff" if can_check else "it has no --check: nobody knows beforehand"
    return (
        Check("manifest is signed", ok=True),
        Check("script is unchanged", ok=True, detail=f"sha256 {found.script.sha256}"),
        Check("script's own check", ok=can_check, detail=told, is_fatal=False),
    )
