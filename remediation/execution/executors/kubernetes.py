"""Kubernetes: restart, scale, roll back and cordon, over the API and without its client library.

Every change is one merge patch that carries the `resourceVersion` just read and a marker with the
attempt's key, so that the API server itself refuses what moved in between, and a look at the
object tells later whether the attempt happened. What an approval binds to is the generation, or
the flag of a node and who set it: status and heartbeats move a resourceVersion by themselves. A
scale patches the workload, not its `scale` subresource: one request carries number and marker.

`rollback` is for Deployments; `scale` and `restart` also for StatefulSets, `restart` for
DaemonSets; `cordon` never for a control-plane node. An autoscaler (KEDA too) that owns the replicas
stops a scale, Argo CD and Flux stop a rollback: both would be put back.

With `service_account` each action gets a token of its own (TokenRequest, 600 s) that the cluster
lets die, and the endpoint's token needs only reading and `create` on `serviceaccounts/token`.
With a static token it is AIRRA's own clock that keeps a late attempt from landing.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airra.lib import clock
from airra.lib.http import Answer, HttpError
from remediation.execution import options
from remediation.execution.base import (
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
from remediation.execution.executors import kubernetes_checks as checks
from remediation.execution.executors import kubernetes_find as find
from remediation.execution.executors.kubernetes_api import (
    TOKEN_S,
    Api,
    Json,
    parsed,
    part,
    reason,
    segment,
)
from remediation.execution.executors.kubernetes_find import MARKER, Ref, marker_of, version_of
from remediation.execution.executors.kubernetes_offers import cordons
from remediation.execution.executors.kubernetes_steps import (
    STEPS,
    WHEN_APPLIED,
    Given,
    Step,
    goal,
    replicas_of,
)
from remediation.types import ActionRequest, Applied, Fidelity, PlannedAction, Probe

_REFUSED = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
_MOVED = 409
_TRIES = 5  # after a certain refusal because only the status had moved
Options = options.Kubernetes
GUARANTEES = Guarantees(
    fidelity=Fidelity.SERVER,
    has_probe=True,
    has_precondition=True,
    is_idempotent=True,
    # A token is asked for before the lease is over, which is within 120 s of the intent.
    credential_life_s=TOKEN_S + 120.0,
    actions=frozenset(STEPS),
    undoes=frozenset({"scale", "rollback", "cordon"}),
)


def connect(connection: Connection) -> "KubernetesExecutor":
    return KubernetesExecutor(connection, Options.model_validate(dict(connection.options)))


class KubernetesExecutor:
    """Speaks to one namespace of one cluster."""

    def __init__(self, connection: Connection, chosen: Options) -> None:
        self._options = chosen
        self._api = Api(connection.url, token=connection.secret, timeout_s=connection.timeout_s)

    @property
    def guarantees(self) -> Guarantees:
        return GUARANTEES

    def describe(self, service: str) -> ServiceDescription:
        try:
            ref, item = self._workload(service)
        except NothingToActOn as error:
            raise UnknownService(str(error)) from error
        annotations = part(item, "metadata", "annotations")
        return ServiceDescription(
            name=service,
            replicas=replicas_of(item),
            revision=str(annotations.get("deployment.kubernetes.io/revision", "")),
            version=version_of(item, ref.kind),
            actions=find.ACTIONS[ref.kind],
            owner=checks.gitops_owner(item),
            offers=self._offers(ref, item),
        )

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        if request.action != "cordon":
            return (str(self._workload(request.service)[0]),)
        named = request.params.get("node")
        around: Json = {} if named else self._workload(request.service)[1]
        return (str(find.node(self._api, named, around, self._options.namespace)),)

    def _offers(self, ref: Ref, item: Json) -> tuple[Offer, ...]:
        if "cordon" not in find.ACTIONS[ref.kind]:
            return ()
        return cordons(self._api, item, self._options.namespace)

    def plan(self, request: ActionRequest) -> PlannedAction:
        ref = self._ref(request)
        step = _step(request, ref)
        item = find.read(self._api, ref)
        given = self._given(item, request, ref)
        body = _patch(step, given, "dry-run")
        found = checks.look(self._api, ref, item, request)
        try:
            answer = self._acting().patch(ref.path, body, is_dry=True)
        except HttpError as error:
            msg = f"the dry run failed: {error}"
            raise ExecutorError(msg) from error
        if answer.status != 200:
            msg = f"the dry run was refused with {answer.status}: {reason(answer)}"
            raise ExecutorError(msg)
        before, after = step.view(item), step.view(parsed(answer))
        if request.action == "restart":
            after = {"restarted_at": WHEN_APPLIED}
        undo = step.undo(given)
        return PlannedAction(
            request=request,
            target_id=str(ref),
            target_version=version_of(item, ref.kind),
            before=before,
            after=after,
            effects=step.effects(given),
            reversibility=step.reversibility,
            undo=None if undo is None else replace(request, params=undo),
            fidelity=Fidelity.SERVER,
            checks=found.checks,
            owner=found.owner,
        )

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        try:
            acting = self._acting(attempt)
            for _ in range(_TRIES):
                effect = self._try(acting, planned, attempt)
                if effect is not None:
                    return effect
        except ExecutorError as error:  # of a read, before anything was sent
            is_gone = isinstance(error, NothingToActOn)
            return Effect(Applied.NOT_APPLIED, error=str(error), moved=is_gone)
        msg = f"its status moved under {_TRIES} tries; nothing was changed"
        return Effect(Applied.NOT_APPLIED, error=msg, moved=True)

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        try:
            ref = find.ref_of(planned.target_id)
            item = find.read(self._api, ref)
        except ExecutorError:
            return Probe.CANNOT_TELL, {}
        if marker_of(item) == attempt.key:
            return Probe.APPLIED, _told(item, ref, attempt.key)
        if version_of(item, ref.kind) == planned.target_version:
            return Probe.ABSENT, {}
        # Somebody has changed it since; our marker may have been there before that.
        return Probe.CANNOT_TELL, {}

    def _try(self, acting: Api, planned: PlannedAction, attempt: Attempt) -> Effect | None:
        """Look, then send once. None: certainly refused, because the object moved in between."""
        ref = self._ref(planned.request)
        step = _step(planned.request, ref)
        item = find.read(self._api, ref)
        if marker_of(item) == attempt.key:
            return Effect(Applied.APPLIED, _told(item, ref, attempt.key))
        moved = _how_it_moved(item, ref, planned)
        if moved:
            return Effect(Applied.NOT_APPLIED, error=moved, moved=True)
        given = self._given(item, planned.request, ref, at=attempt.issued_at)
        body = _patch(step, given, attempt.key)
        failing = _elsewhere(planned, step, given)
        failing = failing or checks.look(self._api, ref, item, planned.request).failing
        if failing:
            return Effect(Applied.NOT_APPLIED, error=failing, moved=True)
        return _sent(acting, ref, body, attempt)

    def _given(self, item: Json, request: ActionRequest, ref: Ref, *, at: float = 0.0) -> Given:
        history: list[Json] = []
        if request.action == "rollback":
            path = f"/apis/apps/v1/namespaces/{segment(ref.namespace)}/replicasets"
            history = [one for one in self._api.list(path) if _is_owned(one, ref)]
        return Given(item, request, at=at, replica_sets=history)

    def _acting(self, attempt: Attempt | None = None) -> Api:
        """The API with the credential that changes. Raises `ExecutorError` when there is none."""
        account = self._options.service_account
        if not account:
            return self._api
        if attempt is not None and clock.now().timestamp() >= attempt.deadline:
            msg = "too late: the lease was over before sending"
            raise ExecutorError(msg)
        token = self._api.token_of(self._options.namespace, account)
        since = clock.now().timestamp() if attempt is None else attempt.issued_at
        if token.expires_at > since + GUARANTEES.credential_life_s:
            msg = f"the cluster's tokens for {account} live too long to wait for their end"
            raise ExecutorError(msg)
        return self._api.acting_as(token.text)

    def _workload(self, service: str) -> tuple[Ref, Json]:
        chosen = self._options
        return find.workload(self._api, service, namespace=chosen.namespace, label=chosen.label)

    def _ref(self, request: ActionRequest) -> Ref:
        ref = find.ref_of(request.target)
        if ref.namespace not in {"", self._options.namespace}:
            msg = f"{ref.name} is outside the namespace {self._options.namespace}"
            raise NothingToActOn(msg)
        return ref


def _step(request: ActionRequest, ref: Ref) -> Step:
    can = {"cordon"} if ref.kind == "Node" else find.ACTIONS[ref.kind] - {"cordon"}
    if request.action not in can:
        msg = f"{request.action} is not for a {ref.kind}; {', '.join(sorted(can))} are"
        raise ExecutorError(msg)
    return STEPS[request.action]


def _patch(step: Step, given: Given, key: str) -> dict[str, Any]:
    about = part(given.item, "metadata")
    bound = {"resourceVersion": about.get("resourceVersion"), "annotations": {MARKER: key}}
    return {"metadata": bound, **step.patch(given)}


def _how_it_moved(item: Json, ref: Ref, planned: PlannedAction) -> str:
    now = version_of(item, ref.kind)
    return "" if now == planned.target_version else f"it is at {now}, not {planned.target_version}"


def _elsewhere(planned: PlannedAction, step: Step, given: Given) -> str:
    """Whether "the revision before" is not the one that was shown and approved any more."""
    if planned.request.action != "rollback" or "to_revision" in planned.request.params:
        return ""
    is_same = step.view(goal(given))["template"] == planned.after["template"]
    return "" if is_same else "its history has moved: the revision before is another one"


def _sent(acting: Api, ref: Ref, body: Json, attempt: Attempt) -> Effect | None:
    if clock.now().timestamp() >= attempt.deadline:
        return Effect(Applied.NOT_APPLIED, error="too late: the lease was over before sending")
    try:
        answer = acting.patch(ref.path, body)
    except HttpError as error:
        certain = Applied.NOT_APPLIED if error.is_certainly_unsent else Applied.UNKNOWN
        return Effect(certain, error=str(error))
    return None if answer.status == _MOVED else _effect(answer, ref, attempt.key)


def _is_owned(item: Json, ref: Ref) -> bool:
    owners = part(item, "metadata").get("ownerReferences") or []
    return any(owner.get("uid") == ref.uid and owner.get("controller") for owner in owners)


def _effect(answer: Answer, ref: Ref, key: str) -> Effect:
    """What an answer to the patch proves."""
    if answer.status in _REFUSED:
        return Effect(Applied.NOT_APPLIED, error=f"refused, {answer.status}: {reason(answer)}")
    if answer.status != 200:
        return Effect(Applied.UNKNOWN, error=f"answered {answer.status}: {reason(answer)}")
    try:
        item = parsed(answer)
    except ExecutorError as error:
        return Effect(Applied.UNKNOWN, error=str(error))
    if marker_of(item) != key:
        return Effect(Applied.UNKNOWN, error="the answer does not carry our marker")
    return Effect(Applied.APPLIED, _told(item, ref, key))


def _told(item: Json, ref: Ref, key: str) -> dict[str, Any]:
    """The answer as it is stored, with the version an undo would have to find."""
    about = part(item, "metadata")
    return {
        "key": key,
        "target": {"id": str(ref), "version": version_of(item, ref.kind)},
        "generation": about.get("generation"),
        "observed_generation": part(item, "status").get("observedGeneration"),
    }
