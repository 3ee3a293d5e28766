"""What an order would do: the difference, the effects and the way back."""

from dataclasses import dataclass
from typing import Any

from lab.control.order import Action, Order
from lab.jsontypes import JSON
from lab.supervisor.changes import rfc3339
from lab.supervisor.release import Revision, Service

EXACT_UNDO = "exact_undo"
SELF_HEALING = "self_healing"


@dataclass(frozen=True, slots=True)
class Plan:
    before: JSON
    after: JSON
    undo: JSON | None
    effects: list[str]
    reversibility: str

    def as_json(self, order: Order, *, key: str, state: str, version: str) -> JSON:
        """The answer's body. `version` is the resource version it speaks about."""
        return {
            "key": key,
            "state": state,
            "action": order.action.value,
            "service": order.service.name,
            "params": order.params,
            "target": {
                "id": order.service.name,
                "version": version,
                "generation": order.service.generation,
            },
            "diff": {"before": self.before, "after": self.after},
            "undo": self.undo,
            "effects": self.effects,
            "reversibility": self.reversibility,
        }


def plan(order: Order) -> Plan:
    """Reads the service, changes nothing."""
    match order.action:
        case Action.RESTART:
            return _restart(order.service)
        case Action.SCALE:
            return _scale(order.service, order.params["replicas"])
        case Action.ROLLBACK:
            return _rollback(order.service, target_of(order.service, order.params))
        case Action.SET_FLAG:
            return _flag(order.service, order.params["flag"], value=order.params["value"])


def target_of(service: Service, params: JSON) -> Revision:
    """The revision a rollback goes to; null means the newest that differs from the current one."""
    wanted = params.get("to_revision")
    found = service.previous() if wanted is None else service.revision(wanted)
    return found or service.current


def _restart(service: Service) -> Plan:
    started = {place.instance: rfc3339(place.started_at) for place in service.places}
    return Plan(
        before={"started": started},
        after={"started": dict.fromkeys(started, "new process")},
        undo=None,
        effects=[f"{_replicas(len(service.places))} restarted one after another"],
        reversibility=SELF_HEALING,
    )


def _scale(service: Service, replicas: int) -> Plan:
    change = replicas - service.desired
    if change > 0:
        effect = f"{_replicas(change)} started"
    elif change < 0:
        effect = f"{_replicas(-change)} stopped"
    else:
        effect = "nothing changes: the service has this many replicas already"
    return Plan(
        before={"replicas": service.desired},
        after={"replicas": replicas},
        undo=_undo("scale", service, {"replicas": service.desired}),
        effects=[effect],
        reversibility=EXACT_UNDO,
    )


def _rollback(service: Service, target: Revision) -> Plan:
    current = service.current
    return Plan(
        before=_shown(current),
        after=_shown(target),
        undo=_undo("rollback", service, {"to_revision": current.number}),
        effects=[
            _giving_way(current, target),
            f"{_replicas(len(service.places))} restarted one after another",
        ],
        reversibility=EXACT_UNDO,
    )


def _flag(service: Service, flag: str, *, value: bool) -> Plan:
    now = service.flags[flag]
    told = f"the flag {flag} is switched {'on' if value else 'off'} without a restart"
    return Plan(
        before={"flags": {flag: now}},
        after={"flags": {flag: value}},
        undo=_undo("set_flag", service, {"flag": flag, "value": now}),
        effects=[told if now is not value else f"nothing changes: {flag} has this value already"],
        reversibility=EXACT_UNDO,
    )


def _undo(action: str, service: Service, params: dict[str, Any]) -> JSON:
    return {"action": action, "service": service.name, "params": params}


def _giving_way(current: Revision, target: Revision) -> str:
    new = f"revision {target.number} ({target.version})"
    return f"revision {current.number} ({current.version}) gives way to a copy of {new}"


def _shown(revision: Revision) -> JSON:
    return {"revision": revision.number, "version": revision.version, "config": revision.config}


def _replicas(count: int) -> str:
    return "1 replica is" if count == 1 else f"{count} replicas are"
