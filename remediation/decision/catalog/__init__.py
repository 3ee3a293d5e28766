"""The closed catalogue: every action AIRRA can propose, with typed parameters and fixed limits.

There is no free command and no custom action. What is not here cannot be planned, and a person who
asks for an action passes through the same door as a hypothesis does. What a workspace stores about
an action (`Limit`) can only take away from it.
"""

from collections.abc import Mapping
from typing import Any

from remediation.decision.catalog.actions import CATALOG
from remediation.decision.catalog.cards import CARDS, Card, cards_for
from remediation.decision.catalog.fields import Field, fields_of, schema_of
from remediation.decision.catalog.params import MAX_REPLICAS
from remediation.decision.catalog.spec import (
    UNLIMITED,
    ActionSpec,
    BadParameters,
    Cancel,
    Limit,
    NotAllowedHere,
    UnknownAction,
    Way,
)
from remediation.types import ActionRequest, PlannedAction

__all__ = [
    "CARDS",
    "CATALOG",
    "MAX_REPLICAS",
    "UNLIMITED",
    "ActionSpec",
    "BadParameters",
    "Cancel",
    "Card",
    "Field",
    "Limit",
    "NotAllowedHere",
    "UnknownAction",
    "Way",
    "cards_for",
    "fields_of",
    "request_of",
    "schema_of",
    "spec_of",
    "title_of",
    "turned_round",
]


def spec_of(action: str) -> ActionSpec:
    try:
        return CATALOG[action]
    except KeyError:
        if action in CARDS:
            msg = f"{action!r} is left to people: AIRRA has no way to do it"
        else:
            msg = f"there is no action {action!r}; one of {', '.join(CATALOG)}"
        raise UnknownAction(msg) from None


def request_of(
    action: str,
    service: str,
    params: Mapping[str, Any],
    *,
    target: str = "",
    limit: Limit = UNLIMITED,
    environment: str = "",
) -> ActionRequest:
    """A checked request, with what was lowered in `clamped`.

    Raises `UnknownAction`, `BadParameters` (no service is one, too) or `NotAllowedHere`.
    """
    spec = spec_of(action)
    if not service.strip():
        msg = f"{action}: an empty target is an error, never everything"
        raise BadParameters(msg)
    if refusal := limit.why_not(environment):
        msg = f"{action}: {refusal}"
        raise NotAllowedHere(msg)
    fitted, clamped = spec.fitted(params, limit)
    return ActionRequest(action, service, fitted, target=target, clamped=clamped)


def turned_round(planned: PlannedAction) -> str:
    """Why a lowered value must not be used: it is not above what runs now, though more was asked.

    Doubling 8 replicas where 5 are the most allowed would otherwise take 3 away. Empty when fine.
    """
    for clamp in planned.request.clamped:
        now = planned.before.get(clamp.param)
        if isinstance(now, int | float) and clamp.allowed <= now < clamp.asked:
            return f"{clamp.sentence()}, and {now:g} is what it has already"
    return ""


def title_of(request: ActionRequest) -> str:
    """What the action does, for people: `Scale checkout to 4 replicas`."""
    words = {name: str(value).lower() for name, value in request.params.items()}
    words["service"] = request.service
    shape = _TITLES.get(request.action)
    return shape(request, words) if shape else spec_of(request.action).summary.format(**words)


def _rollback(request: ActionRequest, words: Mapping[str, str]) -> str:
    title = f"Roll back {words['service']}"
    return f"{title} to {words['to_revision']}" if "to_revision" in words else title


def _cordon(request: ActionRequest, words: Mapping[str, str]) -> str:
    node = words.get("node") or request.target or f"the node of {words['service']}"
    is_open = request.params.get("schedulable", False)
    return f"Open {node} to new pods again" if is_open else f"Close {node} to new pods"


def _resize(request: ActionRequest, words: Mapping[str, str]) -> str:
    units = {"memory_mb": "MiB of memory", "cpus": "CPUs"}
    limits = [f"{words[name]} {unit}" for name, unit in units.items() if name in words]
    return f"Resize {words['service']} to {' and '.join(limits)}"


def _end_query(request: ActionRequest, words: Mapping[str, str]) -> str:
    whose = f"backend {words['pid']}" if "pid" in words else "the query that blocks others"
    return f"End {whose} on {words['service']}"


def _drain(request: ActionRequest, words: Mapping[str, str]) -> str:
    verbs = {
        "drain": "Drain",
        "maint": "Take out",
        "ready": "Put back",
    }
    verb = verbs[words.get("state", "drain")]
    return f"{verb} server {request.params['server']} of {words['service']}"


def _run_script(request: ActionRequest, words: Mapping[str, str]) -> str:
    verb = "Undo" if request.params.get("undo", False) else "Run"
    return f"{verb} the runbook script {words['script']} on {words['service']}"


_TITLES = {
    "rollback": _rollback,
    "cordon": _cordon,
    "resize": _resize,
    "end_query": _end_query,
    "drain": _drain,
    "run_script": _run_script,
}
