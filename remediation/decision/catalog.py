"""The closed catalogue: every action AIRRA can propose, with typed parameters and fixed limits.

There is no free command and no custom action. What is not here cannot be planned, and a person who
asks for an action passes through the same door as a hypothesis does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.types import Mechanism
from remediation.types import ActionRequest, Reversibility

MAX_REPLICAS = 20


Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@/-]{1,80}$")] | Annotated[int, Field(ge=0)]


class _Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Restart(_Params):
    """Replace the service's processes; takes nothing."""


class Scale(_Params):
    replicas: int = Field(ge=1, le=MAX_REPLICAS)


class Rollback(_Params):
    """Go back to a revision; without one, to the revision before the present one."""

    to_revision: Revision | None = None


class SetFlag(_Params):
    flag: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")
    value: bool


@dataclass(frozen=True)
class ActionSpec:
    """One action. Times in seconds; `blast` is the factor of §2.2 for a stateless service."""

    key: str
    version: int
    params: type[BaseModel]
    klass: str
    reversibility: Reversibility  # the best it can promise; the target's own word may lower it
    summary: str
    fits: frozenset[Mechanism]
    signals: frozenset[str]
    forbidden_when: frozenset[Mechanism]
    timeout_s: float  # one call to the executor
    lease_s: float  # from the intent: longer than a call can take
    cooldown_s: float  # before the same action on the same target
    settle_s: float  # after the effect, before samples count against it
    within_s: int  # by when the alerting metric must have recovered

    def parameters(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, checked. Raises `BadParameters` with the field and the reason."""
        try:
            return self.params.model_validate(dict(params)).model_dump(exclude_none=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "parameters"
            msg = f"{self.key}: {where}: {first['msg']}"
            raise BadParameters(msg) from error


class UnknownAction(ValueError):
    """Not in the catalogue."""


class BadParameters(ValueError):
    """In the catalogue, but not with these parameters."""


_M = Mechanism
CATALOG: dict[str, ActionSpec] = {
    spec.key: spec
    for spec in (
        ActionSpec(
            key="restart",
            version=1,
            params=Restart,
            klass="restart",
            reversibility=Reversibility.SELF_HEALING,
            summary="Restart {service}",
            fits=frozenset({_M.LEAK, _M.SATURATION, _M.JOB}),
            signals=frozenset(
                {
                    "memory",
                    "pool",
                    "cpu",
                    "disk",
                    "queue",
                    "threads",
                    "saturation",
                    "restarts",
                    "availability",
                }
            ),
            forbidden_when=frozenset({_M.DB_LOCK, _M.TRAFFIC, _M.EXPIRY}),
            timeout_s=20,
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=240,
        ),
        ActionSpec(
            key="scale",
            version=1,
            params=Scale,
            klass="scale",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Scale {service} to {replicas} replicas",
            fits=frozenset({_M.TRAFFIC, _M.SATURATION}),
            signals=frozenset({"traffic"}),
            forbidden_when=frozenset({_M.DB_LOCK, _M.EXPIRY}),
            timeout_s=20,
            lease_s=90,
            cooldown_s=300,
            settle_s=45,
            within_s=240,
        ),
        ActionSpec(
            key="rollback",
            version=1,
            params=Rollback,
            klass="rollback",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Roll back {service}",
            fits=frozenset({_M.CHANGE, _M.CONFIG}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.TRAFFIC, _M.NODE, _M.EXPIRY}),
            timeout_s=20,
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=300,
        ),
        ActionSpec(
            key="set_flag",
            version=1,
            params=SetFlag,
            klass="flag",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Set flag {flag} of {service} to {value}",
            fits=frozenset({_M.CHANGE, _M.CONFIG, _M.DEPENDENCY, _M.EXTERNAL, _M.NETWORK}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.EXPIRY}),
            timeout_s=20,
            lease_s=90,
            cooldown_s=300,
            settle_s=30,
            within_s=240,
        ),
    )
}


def spec_of(action: str) -> ActionSpec:
    try:
        return CATALOG[action]
    except KeyError:
        msg = f"there is no action {action!r}; one of {', '.join(CATALOG)}"
        raise UnknownAction(msg) from None


def request_of(action: str, service: str, params: Mapping[str, Any]) -> ActionRequest:
    """A checked request. Raises `UnknownAction` or `BadParameters`; no service is refused too."""
    spec = spec_of(action)
    if not service.strip():
        msg = f"{action}: an empty target is an error, never everything"
        raise BadParameters(msg)
    return ActionRequest(action=action, service=service, params=spec.parameters(params))


def title_of(request: ActionRequest) -> str:
    """What the action does, for people: `Scale checkout to 4 replicas`."""
    words = {name: str(value).lower() for name, value in request.params.items()}
    title = spec_of(request.action).summary.format(service=request.service, **words)
    revision = words.get("to_revision") if request.action == "rollback" else None
    return f"{title} to {revision}" if revision else title
