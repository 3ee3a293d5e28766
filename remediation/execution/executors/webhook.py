"""The signed HTTP action webhook, `docs/reference/action-webhook.md`. Django-free.

Certainty is the whole point: a call that was surely not sent, or that the target surely refused,
is NOT_APPLIED; everything else without a clear answer is UNKNOWN and left to the probe.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airra.lib import clock
from airra.lib.http import Answer, HttpClient, HttpError, sign
from airra.lib.ids import uuid7
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
    Fidelity,
    PlannedAction,
    Probe,
    Reversibility,
)

_MAX_BYTES = 256 * 1024
_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 422, 429})
_MOVED = 409
_GENERATION = "generation "
_POLL_EVERY_S = 1.0
_POLLS = 40
GUARANTEES = Guarantees(
    fidelity=Fidelity.SERVER,
    has_probe=True,
    has_precondition=True,
    is_idempotent=True,
    credential_life_s=CREDENTIAL_LIFE_S,
    actions=frozenset({"restart", "scale", "rollback", "set_flag"}),
    undoes=frozenset({"scale", "rollback", "set_flag"}),
)


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Target(_Wire):
    id: str = Field(min_length=1, max_length=120)
    version: str = Field(min_length=1, max_length=100, coerce_numbers_to_str=True)
    generation: int | None = None

    @property
    def bound(self) -> str:
        """What an approval binds to: the generation of what is wanted, where there is one.

        A version may also count what happens by itself; in a crash loop no approval would last.
        """
        return self.version if self.generation is None else f"{_GENERATION}{self.generation}"


class _Diff(_Wire):
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class _Undo(_Wire):
    action: str
    params: dict[str, Any] = {}


class _ActionAnswer(_Wire):
    key: str
    state: Literal["planned", "applied", "in_progress", "failed"]
    action: str
    service: str
    target: _Target
    diff: _Diff = _Diff()
    undo: _Undo | None = None
    effects: tuple[str, ...] = ()
    reversibility: Reversibility = Reversibility.COMPENSABLE
    error: str | dict[str, Any] = ""

    def told(self) -> dict[str, Any]:
        """The answer as it is stored, with the version an undo would have to find."""
        stored = self.model_dump(mode="json")
        return {**stored, "target": {**stored["target"], "version": self.target.bound}}


class _ServiceAnswer(_Wire):
    name: str
    desired_replicas: int = Field(ge=0)
    revision: str = Field(default="", coerce_numbers_to_str=True)
    resource_version: str = Field(coerce_numbers_to_str=True)
    flags: dict[str, bool] = {}


W = TypeVar("W", bound=_Wire)


Options = options.Webhook


def connect(connection: Connection) -> "WebhookExecutor":
    return WebhookExecutor(connection.url, secret=connection.secret, timeout_s=connection.timeout_s)


class WebhookExecutor:
    """Speaks to one endpoint. One `apply` sends at most one change and never repeats it."""

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        timeout_s: float,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._secret = secret
        self._timeout_s = timeout_s
        self._wait = wait

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        answer = self._get(f"/services/{_segment(service)}")
        if answer.status == 404:
            msg = f"the endpoint does not know {service}"
            raise UnknownService(msg)
        if answer.status != 200:
            msg = f"describing {service} answered {answer.status}"
            raise ExecutorError(msg)
        body = _parsed(_ServiceAnswer, answer)
        return ServiceDescription(
            name=body.name,
            replicas=body.desired_replicas,
            revision=body.revision,
            version=body.resource_version,
            flags=body.flags,
            actions=GUARANTEES.actions,
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        return ("",)

    def plan(self, request: ActionRequest) -> PlannedAction:
        key = f"dry-run-{uuid7()}"
        headers = {"X-AIRRA-Dry-Run": "1"}
        try:
            answer = self._post(request, key=key, at=clock.now().timestamp(), headers=headers)
        except HttpError as error:
            msg = f"the dry run failed: {error}"
            raise ExecutorError(msg) from error
        if answer.status != 200:
            msg = f"the dry run was refused with {answer.status}: {_reason(answer)}"
            raise ExecutorError(msg)
        body = _parsed(_ActionAnswer, answer)
        if body.state != "planned" or (body.action, body.service) != (
            request.action,
            request.service,
        ):
            msg = f"the dry run answered {body.state} {body.action} of {body.service}"
            raise ExecutorError(msg)
        return PlannedAction(
            request=request,
            target_id=body.target.id,
            target_version=body.target.bound,
            before=body.diff.before,
            after=body.diff.after,
            effects=body.effects,
            reversibility=body.reversibility,
            undo=_undo(body),
            fidelity=Fidelity.SERVER,
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        if clock.now().timestamp() >= attempt.deadline:
            return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
        try:
            answer = self._post(
                planned.request,
                key=attempt.key,
                at=attempt.issued_at,
                expected_version=planned.target_version,
            )
        except HttpError as error:
            certain = Applied.NOT_APPLIED if error.is_certainly_unsent else Applied.UNKNOWN
            return Effect(certain, error=str(error))
        effect = _effect(answer, attempt.key)
        if effect.answer.get("state") != "in_progress":
            return effect
        return self._when_finished(effect, planned, attempt)

    def _when_finished(self, effect: Effect, planned: PlannedAction, attempt: Attempt) -> Effect:
        """Ask for the end of what the target has begun; still UNKNOWN when it takes too long."""
        for _ in range(_POLLS):
            if clock.now().timestamp() >= attempt.deadline:
                break
            self._wait(_POLL_EVERY_S)
            told, answer = self.probe(planned, attempt)
            if told is Probe.APPLIED:
                return Effect(Applied.APPLIED, answer)
            if answer.get("state") == "failed":
                return Effect(Applied.NOT_APPLIED, answer, error=_failure(answer))
        return effect

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """By the key alone: the endpoint keeps the answer to every key."""
        key = attempt.key
        try:
            answer = self._get(f"/actions/{_segment(key)}")
            if answer.status == 404:
                return Probe.ABSENT, {}
            body = _parsed(_ActionAnswer, answer) if answer.status == 200 else None
        except ExecutorError:
            return Probe.CANNOT_TELL, {}
        is_ours = body is not None and (body.key, body.service) == (key, planned.request.service)
        if body is None or not is_ours or body.state == "in_progress":
            return Probe.CANNOT_TELL, {}
        told = Probe.APPLIED if body.state == "applied" else Probe.ABSENT
        return told, body.told()

    def _post(
        self,
        request: ActionRequest,
        *,
        key: str,
        at: float,
        expected_version: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        body: dict[str, Any] = {
            "action": request.action,
            "service": request.service,
            "params": dict(request.params),
        }
        if expected_version.startswith(_GENERATION):
            body["expected_generation"] = int(expected_version.removeprefix(_GENERATION))
        elif expected_version:
            body["expected_version"] = expected_version
        content = json.dumps(body, sort_keys=True).encode()
        stamp = str(int(at))
        signed = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "X-AIRRA-Timestamp": stamp,
            "X-AIRRA-Signature": sign(self._secret, stamp, content),
        }
        with self._client() as client:
            return client.post_bytes("/actions", content, headers={**signed, **(headers or {})})

    def _get(self, path: str) -> Answer:
        try:
            with self._client() as client:
                return client.get(path)
        except HttpError as error:
            raise ExecutorError(str(error)) from error

    def _client(self) -> HttpClient:
        return HttpClient(self._url, timeout_s=self._timeout_s, max_bytes=_MAX_BYTES)


def _undo(body: _ActionAnswer) -> ActionRequest | None:
    if body.undo is None:
        return None
    return ActionRequest(body.undo.action, body.service, body.undo.params)


def _effect(answer: Answer, key: str) -> Effect:
    """What an answer to a live request proves."""
    if answer.status == _MOVED:
        return Effect(Applied.NOT_APPLIED, error=_reason(answer), moved=True)
    if answer.status in _REFUSED:
        return Effect(Applied.NOT_APPLIED, error=f"refused, {answer.status}: {_reason(answer)}")
    if answer.status not in {200, 201, 202}:
        return Effect(Applied.UNKNOWN, error=f"answered {answer.status}")
    try:
        return _told(_parsed(_ActionAnswer, answer), key)
    except ExecutorError as error:
        return Effect(Applied.UNKNOWN, error=str(error))


def _told(body: _ActionAnswer, key: str) -> Effect:
    told = body.told()
    if body.key != key:
        return Effect(Applied.UNKNOWN, told, error="the answer is for another key")
    if body.state == "failed":
        return Effect(Applied.NOT_APPLIED, told, error=_failure(told))
    if body.state != "applied":
        return Effect(Applied.UNKNOWN, told, error=f"the target says {body.state}")
    return Effect(Applied.APPLIED, told)


def _parsed(model: type[W], answer: Answer) -> W:
    try:
        return model.model_validate(answer.json())
    except HttpError as error:
        raise ExecutorError(str(error)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"the endpoint broke the contract at {where or 'the top'}: {first['msg']}"
        raise ExecutorError(msg) from error


def _failure(answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return str(said or "the target reports a failure")[:200]


def _segment(text: str) -> str:
    return quote(text, safe="")


def _reason(answer: Answer) -> str:
    """The first words of an error answer; untrusted, so short and on one line."""
    try:
        told = answer.json()
        text = _failure(told) if isinstance(told, dict) and told.get("error") else ""
    except HttpError:
        text = ""
    text = text or answer.content[:300].decode(errors="replace")
    return " ".join(text.split())[:200] or "no reason"
