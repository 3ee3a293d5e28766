"""What each action changes on an object, as a merge patch, and how its diff reads. Pure."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from remediation.execution.base import ExecutorError
from remediation.execution.executors.kubernetes_api import Json, count, part
from remediation.types import ActionRequest, Reversibility

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
WHEN_APPLIED = "when it is applied"
_CONTROL_PLANE = (
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
)


@dataclass(frozen=True)
class Given:
    """What a patch is worked out from. `at` is the time of the intent, in Unix seconds."""

    item: Json
    request: ActionRequest
    at: float = 0.0
    replica_sets: Sequence[Json] = ()  # of this Deployment


@dataclass(frozen=True)
class Step:
    """One action. `patch` raises `ExecutorError` when it cannot be done or would change nothing."""

    patch: Callable[[Given], dict[str, Any]]
    view: Callable[[Json], dict[str, Any]]  # the fields of the diff, of an object
    effects: Callable[[Given], tuple[str, ...]]
    undo: Callable[[Given], dict[str, Any] | None]  # its parameters
    reversibility: Reversibility = Reversibility.EXACT_UNDO


def replicas_of(item: Json) -> int:
    return count(part(item, "spec"), "replicas", 1)


def _restart(given: Given) -> dict[str, Any]:
    stamp = datetime.fromtimestamp(given.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: stamp}}}}}


def _restart_view(item: Json) -> dict[str, Any]:
    annotations = part(item, "spec", "template", "metadata", "annotations")
    return {"restarted_at": annotations.get(RESTARTED_AT, "never")}


def _restart_effects(given: Given) -> tuple[str, ...]:
    count_ = replicas_of(given.item)
    return (f"every pod is replaced, {count_} wanted, in the order the workload rolls out",)


def _scale(given: Given) -> dict[str, Any]:
    wanted, now = given.request.params.get("replicas"), replicas_of(given.item)
    if not isinstance(wanted, int):
        msg = "scale needs a number of replicas"
        raise ExecutorError(msg)
    if wanted == now:
        msg = f"it has {now} replicas already"
        raise ExecutorError(msg)
    return {"spec": {"replicas": wanted}}


def _scale_effects(given: Given) -> tuple[str, ...]:
    by = int(given.request.params["replicas"]) - replicas_of(given.item)
    return (f"{abs(by)} pods are {'started' if by > 0 else 'ended'}",)


def is_control_plane(node: Json) -> bool:
    return any(label in part(node, "metadata", "labels") for label in _CONTROL_PLANE)


def _cordon(given: Given) -> dict[str, Any]:
    if is_control_plane(given.item):
        msg = "the node runs the control plane, which is never touched"
        raise ExecutorError(msg)
    closes = not given.request.params.get("schedulable", False)
    if closes == bool(part(given.item, "spec").get("unschedulable")):
        msg = f"the node is {'closed to' if closes else 'open to'} new pods already"
        raise ExecutorError(msg)
    return {"spec": {"unschedulable": True if closes else None}}


def _cordon_effects(given: Given) -> tuple[str, ...]:
    if given.request.params.get("schedulable", False):
        return ("new pods may be placed on the node",)
    return ("no new pod is placed on the node; what runs there goes on",)


def _cordon_undo(given: Given) -> dict[str, Any]:
    name = str(part(given.item, "metadata").get("name"))
    return {"node": name, "schedulable": not given.request.params.get("schedulable", False)}


def _rollback(given: Given) -> dict[str, Any]:
    wanted = _without_hash(part(goal(given), "spec", "template"))
    now = part(given.item, "spec", "template")
    if wanted == _without_hash(now):
        msg = "the pods have this template already"
        raise ExecutorError(msg)
    return {"spec": {"template": difference(now, wanted)}}


def _rollback_view(item: Json) -> dict[str, Any]:
    template = _without_hash(part(item, "spec", "template"))
    containers = part(template, "spec").get("containers") or []
    body = json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
    return {
        "images": {str(c.get("name")): str(c.get("image")) for c in containers},
        "template": hashlib.sha256(body).hexdigest()[:16],
    }


def _rollback_effects(given: Given) -> tuple[str, ...]:
    there = goal(given)
    name = part(there, "metadata").get("name")
    return (
        f"the pods go from revision {_revision(given.item)} to {_revision(there)}, that of {name}",
        f"every pod is replaced, {replicas_of(given.item)} wanted",
    )


def _rollback_undo(given: Given) -> dict[str, Any]:
    """Forward to the template that runs now, by its hash: revision numbers move, it does not."""
    now = _rollback_view(given.item)["template"]
    for known in given.replica_sets:
        hash_ = part(known, "metadata", "labels").get(HASH)
        if hash_ and _rollback_view(known)["template"] == now:
            return {"to_revision": hash_}
    msg = "the present template is not in the history: there would be no way forward again"
    raise ExecutorError(msg)


def goal(given: Given) -> Json:
    """The ReplicaSet to go back to: by template hash, by revision, or the one before."""
    wanted = given.request.params.get("to_revision")
    now = _revision(given.item)
    known = {_revision(item): item for item in given.replica_sets}
    if wanted is None:
        earlier = [revision for revision in known if 0 < revision < now]
        if not earlier:
            msg = "there is no revision before the present one"
            raise ExecutorError(msg)
        return known[max(earlier)]
    for item in given.replica_sets:
        if part(item, "metadata", "labels").get(HASH) == str(wanted):
            return item
    if str(wanted).isdigit() and int(wanted) in known:
        return known[int(wanted)]
    msg = f"the history has no revision {str(wanted)[:40]}"
    raise ExecutorError(msg)


def _revision(item: Json) -> int:
    told = str(part(item, "metadata", "annotations").get(REVISION, "0"))
    return int(told) if told.isdigit() else 0


def _without_hash(template: Json) -> dict[str, Any]:
    """A ReplicaSet's template as its Deployment has it."""
    about = {k: v for k, v in part(template, "metadata").items() if v is not None}
    labels = {k: v for k, v in part(about, "labels").items() if k != HASH}
    return {**template, "metadata": {**about, "labels": labels}}


def difference(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The RFC 7386 merge patch that makes `wanted` of `now`. Lists are replaced as a whole."""
    patch: dict[str, Any] = {name: None for name in now if name not in wanted}
    for name, value in wanted.items():
        there = now.get(name)
        if isinstance(value, dict) and isinstance(there, dict):
            below = difference(there, value)
            patch |= {name: below} if below else {}
        elif value != there:
            patch[name] = value
    return patch


STEPS: dict[str, Step] = {
    "restart": Step(
        _restart, _restart_view, _restart_effects, lambda _: None, Reversibility.SELF_HEALING
    ),
    "scale": Step(
        _scale,
        lambda item: {"replicas": replicas_of(item)},
        _scale_effects,
        lambda given: {"replicas": replicas_of(given.item)},
    ),
    "rollback": Step(_rollback, _rollback_view, _rollback_effects, _rollback_undo),
    "cordon": Step(
        _cordon,
        lambda item: {"unschedulable": bool(part(item, "spec").get("unschedulable"))},
        _cordon_effects,
        _cordon_undo,
    ),
}
