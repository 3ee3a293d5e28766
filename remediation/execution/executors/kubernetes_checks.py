"""What has to be well before an action, and who else writes the object."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from remediation.execution.executors.kubernetes_api import (
    Api,
    Json,
    NotAllowed,
    NotThere,
    count,
    part,
    segment,
)
from remediation.execution.executors.kubernetes_find import Ref
from remediation.execution.executors.kubernetes_steps import is_control_plane, replicas_of
from remediation.types import ActionRequest, Check

_ARGO = "argocd"
_FLUX = "flux"
_SIGNS = {  # of labels and annotations
    "argocd.argoproj.io/instance": _ARGO,
    "argocd.argoproj.io/tracking-id": _ARGO,
    "kustomize.toolkit.fluxcd.io/name": _FLUX,
    "helm.toolkit.fluxcd.io/name": _FLUX,
}
_HANDS = {  # of managedFields
    "argocd-controller": _ARGO,
    "argocd-application-controller": _ARGO,
    "kustomize-controller": _FLUX,
    "helm-controller": _FLUX,
}


@dataclass(frozen=True)
class Found:
    checks: tuple[Check, ...]
    owner: str

    @property
    def failing(self) -> str:
        """The first check that forbids it, in words, or empty."""
        fatal = (c for c in self.checks if c.is_fatal and not c.ok)
        return next((f"{check.name}: {check.detail}" for check in fatal), "")


def look(api: Api, ref: Ref, item: Json, request: ActionRequest) -> Found:
    """The pre-checks of one action on one object. Raises `ExecutorError` when it cannot look."""
    if ref.kind == "Node":
        return Found((*_node(api, item, request),), "")
    gitops = gitops_owner(item)
    if request.action == "scale":
        scaler = _autoscaler(api, ref)
        checks = (scaler.check, _gitops(gitops, "its replicas", is_fatal=False))
        return Found((*checks, *_quorum(item, ref, request)), scaler.owner or gitops)
    checks = (_not_paused(item), _rollout(item, ref, is_fatal=request.action == "restart"))
    if request.action == "rollback":
        return Found((*checks, _gitops(gitops, "the rollback", is_fatal=True)), gitops)
    around = (_replicas(item, ref), _budget(api, ref, item), *_quorum(item, ref, request))
    return Found((*checks, *around), gitops)


def gitops_owner(item: Json) -> str:
    """Argo CD or Flux, by what they leave on an object; empty when neither has."""
    about = part(item, "metadata")
    for name in (*part(about, "labels"), *part(about, "annotations")):
        if name in _SIGNS:
            return _SIGNS[name]
    for entry in about.get("managedFields") or []:
        hand = _HANDS.get(str(entry.get("manager")))
        if hand:
            return hand
    return ""


def _gitops(owner: str, what: str, *, is_fatal: bool) -> Check:
    detail = f"{owner} would put {what} back: change it in Git" if owner else "no sign of GitOps"
    return Check("gitops", not owner, detail, is_fatal)


@dataclass(frozen=True)
class _Scaler:
    check: Check
    owner: str = ""


def _autoscaler(api: Api, ref: Ref) -> _Scaler:
    """A HorizontalPodAutoscaler that owns the replicas; KEDA works through one of its own."""
    path = f"/apis/autoscaling/v2/namespaces/{segment(ref.namespace)}/horizontalpodautoscalers"
    try:
        scalers = api.list(path)
    except NotThere:
        scalers = []
    except NotAllowed as error:
        return _Scaler(Check("autoscaler", ok=False, detail=f"cannot see autoscalers: {error}"))
    for scaler in scalers:
        spec = part(scaler, "spec")
        aimed_at = part(spec, "scaleTargetRef")
        if (aimed_at.get("kind"), aimed_at.get("name")) == (ref.kind, ref.name):
            owner = "keda" if _is_keda(scaler) else "hpa"
            name = part(scaler, "metadata").get("name")
            between = f"{spec.get('minReplicas', 1)} to {spec.get('maxReplicas')}"
            detail = f"{owner} {name} owns its replicas ({between}): change its min/max instead"
            return _Scaler(Check("autoscaler", ok=False, detail=detail), owner)
    return _Scaler(Check("autoscaler", ok=True, detail="no autoscaler owns its replicas"))


def _is_keda(scaler: Json) -> bool:
    about = part(scaler, "metadata")
    owners = about.get("ownerReferences") or []
    return "scaledobject.keda.sh/name" in part(about, "labels") or any(
        owner.get("kind") == "ScaledObject" for owner in owners
    )


def _not_paused(item: Json) -> Check:
    is_paused = bool(part(item, "spec").get("paused"))
    detail = "its rollouts are paused: nothing would roll out" if is_paused else "not paused"
    return Check("not paused", not is_paused, detail)


def _rollout(item: Json, ref: Ref, *, is_fatal: bool) -> Check:
    """Whether the pods are all of the present template. Ready or not is another matter."""
    status, wanted = part(item, "status"), _wanted(item, ref)
    updated = count(
        status, "updatedNumberScheduled" if ref.kind == "DaemonSet" else "updatedReplicas"
    )
    is_seen = count(status, "observedGeneration") >= count(part(item, "metadata"), "generation")
    # A StatefulSet forgets updatedReplicas once current and update revision are one.
    if ref.kind == "StatefulSet" and status.get("currentRevision") == status.get("updateRevision"):
        updated = max(updated, count(status, "replicas"))
    has_old = ref.kind == "Deployment" and count(status, "replicas") > updated
    is_over = is_seen and updated >= wanted and not has_old
    detail = "no rollout runs" if is_over else f"a rollout runs: {updated} of {wanted} pods are new"
    return Check("no rollout runs", is_over, detail, is_fatal)


def _wanted(item: Json, ref: Ref) -> int:
    if ref.kind == "DaemonSet":
        return count(part(item, "status"), "desiredNumberScheduled")
    return replicas_of(item)


def _replicas(item: Json, ref: Ref) -> Check:
    wanted = _wanted(item, ref)
    detail = f"{wanted} replicas" if wanted > 1 else f"{wanted} replica: it may be away meanwhile"
    return Check("two replicas", wanted >= 2, detail, is_fatal=False)


def _budget(api: Api, ref: Ref, item: Json) -> Check:
    name = "disruption budget"
    path = f"/apis/policy/v1/namespaces/{segment(ref.namespace)}/poddisruptionbudgets"
    try:
        budgets = api.list(path)
    except NotThere:
        budgets = []
    except NotAllowed as error:
        return Check(name, ok=False, detail=f"cannot see budgets: {error}", is_fatal=False)
    labels = part(item, "spec", "template", "metadata", "labels")
    for budget in budgets:
        allowed = count(part(budget, "status"), "disruptionsAllowed")
        if _selects(part(budget, "spec", "selector"), labels) and allowed < 1:
            told = part(budget, "metadata").get("name")
            return Check(name, ok=False, detail=f"{told} allows none now", is_fatal=False)
    return Check(name, ok=True, detail="no budget forbids it")


def _selects(selector: Json, labels: Mapping[str, object]) -> bool:
    """With expressions, which we do not evaluate, it may: then it counts."""
    wanted = part(selector, "matchLabels")
    if not wanted and not selector.get("matchExpressions"):
        return "matchLabels" in selector or not selector  # an empty selector selects all
    return all(labels.get(name) == value for name, value in wanted.items())


def _quorum(item: Json, ref: Ref, request: ActionRequest) -> Iterable[Check]:
    """Of a StatefulSet, taken to be a cluster that needs more than half of its members."""
    if ref.kind != "StatefulSet":
        return
    members, ready = replicas_of(item), count(part(item, "status"), "readyReplicas")
    needed = members // 2 + 1
    left = ready - 1
    if request.action == "scale":
        left = min(int(request.params["replicas"]), ready)
        if int(request.params["replicas"]) >= members:
            return
    detail = f"{left} of {members} members are left, {needed} are needed"
    yield Check("quorum", left >= needed, detail)


def _node(api: Api, item: Json, request: ActionRequest) -> Iterable[Check]:
    if request.params.get("schedulable", False):
        return
    name = part(item, "metadata").get("name")
    others = [
        one
        for one in api.list("/api/v1/nodes")
        if part(one, "metadata").get("name") != name and _takes_pods(one)
    ]
    detail = f"{len(others)} other ready nodes take new pods"
    yield Check("another node takes pods", bool(others), detail)


def _takes_pods(node: Json) -> bool:
    ready = any(
        condition.get("type") == "Ready" and condition.get("status") == "True"
        for condition in part(node, "status").get("conditions") or []
    )
    return ready and not is_control_plane(node) and not part(node, "spec").get("unschedulable")
