"""An action as it was asked for, checked against the shop as it is."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lab.control.errors import Forbidden, Invalid
from lab.jsontypes import JSON
from lab.shop import FLAG_OWNERS, MAX_REPLICAS
from lab.supervisor.fleet import Fleet
from lab.supervisor.release import Service

FIELDS: Final = frozenset(
    {"action", "service", "params", "expected_version", "expected_generation", "actor"}
)


class Action(StrEnum):
    RESTART = "restart"
    SCALE = "scale"
    ROLLBACK = "rollback"
    SET_FLAG = "set_flag"


_PARAMS: Final = {
    Action.RESTART: frozenset[str](),
    Action.SCALE: frozenset({"replicas"}),
    Action.ROLLBACK: frozenset({"to_revision"}),
    Action.SET_FLAG: frozenset({"flag", "value"}),
}


@dataclass(frozen=True, slots=True)
class Order:
    action: Action
    service: Service
    params: JSON
    expected_version: str
    expected_generation: int | None
    actor: str
    fingerprint: str


def read(body: bytes, fleet: Fleet) -> Order:
    """Raises Invalid naming the field, or Forbidden for a service that is not ours to change."""
    row = _object(body)
    action = _action(row)
    service = _service(row, fleet)
    params = row.get("params") or {}
    if not isinstance(params, dict):
        raise Invalid("params", "params must be an object")
    for name in params.keys() - _PARAMS[action]:
        raise Invalid(f"params.{name}", f"{action} takes no parameter {name!r}")
    _CHECKS[action](service, params)
    return Order(
        action=action,
        service=service,
        params=params,
        expected_version=str(row.get("expected_version") or ""),
        expected_generation=row.get("expected_generation"),
        actor=str(row.get("actor") or "control-api"),
        fingerprint=fingerprint_of(body),
    )


def fingerprint_of(body: bytes) -> str:
    """The same for bodies that mean the same JSON. Raises Invalid."""
    return hashlib.sha256(json.dumps(_object(body), sort_keys=True).encode()).hexdigest()


def _object(body: bytes) -> JSON:
    try:
        row = json.loads(body)
    except ValueError as exc:
        raise Invalid("body", f"the body is not JSON: {exc}") from None
    if not isinstance(row, dict):
        raise Invalid("body", "the body must be a JSON object")
    for name in sorted(row.keys() - FIELDS):
        raise Invalid(name, f"unknown field {name!r}")
    return row


def _action(row: JSON) -> Action:
    try:
        return Action(str(row.get("action")))
    except ValueError:
        known = ", ".join(Action)
        raise Invalid("action", f"unknown action {row.get('action')!r}; one of {known}") from None


def _service(row: JSON, fleet: Fleet) -> Service:
    service = fleet.services.get(str(row.get("service")))
    if service is None:
        raise Invalid("service", f"unknown service {row.get('service')!r}")
    if service.spec.is_external:
        raise Forbidden(f"{service.name} is an outside provider and cannot be changed from here")
    return service


def _check_nothing(_service: Service, _params: JSON) -> None:
    return


def _check_scale(service: Service, params: JSON) -> None:
    replicas = params.get("replicas")
    if not service.spec.is_scalable:
        raise Invalid("service", f"{service.name} cannot be scaled")
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise Invalid("params.replicas", "replicas must be a whole number")
    if not 1 <= replicas <= MAX_REPLICAS:
        raise Invalid("params.replicas", f"replicas must be between 1 and {MAX_REPLICAS}")


def _check_rollback(service: Service, params: JSON) -> None:
    wanted = params.get("to_revision")
    if wanted is None:
        if service.previous() is None:
            raise Invalid("params.to_revision", f"{service.name} has no earlier revision")
        return
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise Invalid("params.to_revision", "to_revision must be a whole number or null")
    if service.revision(wanted) is None:
        raise Invalid("params.to_revision", f"{service.name} has no revision {wanted}")


def _check_flag(service: Service, params: JSON) -> None:
    flag = params.get("flag")
    if FLAG_OWNERS.get(str(flag)) != service.name:
        known = ", ".join(service.flags) or "none"
        raise Invalid("params.flag", f"{service.name} has no flag {flag!r}; it has: {known}")
    if not isinstance(params.get("value"), bool):
        raise Invalid("params.value", "value must be true or false")


_CHECKS: Final = {
    Action.RESTART: _check_nothing,
    Action.SCALE: _check_scale,
    Action.ROLLBACK: _check_rollback,
    Action.SET_FLAG: _check_flag,
}
