"""Kubernetes: a fake API server with controllers, over HTTP."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import deepcopy
from typing import Any, ClassVar

from remediation.execution.base import Connection
from remediation.execution.executors.kubernetes import KubernetesExecutor, connect
from remediation.types import ActionRequest, ExecutorKind, PlannedAction
from tests.contract.executors.rig import Rig
from tests.fakes.kubernetes_api import ADMIN, VIEWER, KubernetesServer
from tests.fakes.kubernetes_controllers import Controllers
from tests.fakes.meddler import Asked, Meddler

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def is_live(asked: Asked) -> bool:
    return asked.method == "PATCH" and "dryRun" not in asked.path


class FakeKubernetes(Rig):
    kind = ExecutorKind.KUBERNETES
    against = "a fake API server over HTTP, compared with recorded answers"
    actions: ClassVar[tuple[str, ...]] = ("restart", "scale", "rollback", "cordon")
    refusal = 'User "airra" cannot patch resource'
    service = "payments"
    options: Mapping[str, Any] = {"namespace": "shop"}
    token = ADMIN

    def __init__(self) -> None:
        super().__init__()
        with ExitStack() as own:
            self.cluster = own.enter_context(KubernetesServer())
            self.between = own.enter_context(Meddler(self.cluster.url, is_live))
            self.stack.push(own.pop_all())
        self.world = Controllers(self.cluster)
        self.world.deployment(self.service, image="shop/payments:1")
        self.world.deployment("cart", image="shop/cart:1")
        self.old_template = deepcopy(self.item()["spec"]["template"])
        containers = [{"name": "app", "image": "shop/payments:2", "args": ["--new"]}]
        self.edit({"spec": {"template": {"spec": {"containers": containers}}}})
        self.new_template = deepcopy(self.item()["spec"]["template"])
        for name in ("n1", "n2"):
            self.world.node(name)
        self.world.node("control", **{"node-role.kubernetes.io/control-plane": ""})
        self.world.pod("payments-1", of=self.service, on="n1")

    def executor(self, *, timeout_s: float = 20.0) -> KubernetesExecutor:
        return self.connected(timeout_s=timeout_s)

    def connected(self, **said: Any) -> KubernetesExecutor:
        fields = {"url": self.between.address, "secret": self.token, "timeout_s": 20.0, **said}
        return connect(Connection(**{"options": self.options, **fields}))

    def unreachable(self) -> KubernetesExecutor:
        return self.connected(url="http://127.0.0.1:9", timeout_s=2)

    def request(self, action: str) -> ActionRequest:
        params = {"scale": {"replicas": 4}}
        return ActionRequest(action, self.service, params.get(action, {}))

    def state(self) -> object:
        with self.cluster.lock:
            return json.dumps(list(self.cluster.objects.values()), sort_keys=True)

    def item(self) -> dict[str, Any]:
        return self.cluster.objects["deployments", "shop", self.service]

    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        spec = self.item()["spec"]
        match planned.request.action:
            case "restart":
                annotations = spec["template"]["metadata"].get("annotations", {})
                at = annotations.get(RESTARTED_AT, "never")
                was = planned.before["restarted_at"]
                return {"restarted_at": at if at == was else "when it is applied"}
            case "scale":
                return {"replicas": spec["replicas"]}
            case "rollback":
                if spec["template"] == self.old_template:
                    return {**planned.after, "images": {"app": "shop/payments:1"}}
                if spec["template"] == self.new_template:
                    return {**planned.before, "images": {"app": "shop/payments:2"}}
                return {"template": spec["template"]}
        node = self.cluster.objects["nodes", "", "n1"]
        return {"unschedulable": node["spec"].get("unschedulable", False)}

    def edit(self, patch: dict[str, Any]) -> None:
        self.cluster.edit("deployments", "shop", self.service, patch, "kubectl")

    def move(self, planned: PlannedAction) -> None:
        if planned.request.action != "cordon":
            self.edit({"spec": {"minReadySeconds": 7}})
            return
        is_closed = self.cluster.objects["nodes", "", "n1"]["spec"].get("unschedulable")
        for closed in (None, True) if is_closed else (True,):
            self.cluster.edit("nodes", "", "n1", {"spec": {"unschedulable": closed}}, "kubectl")

    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        return self.between.losing(done=done)

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        return self.between.late(act)

    @contextmanager
    def refusing(self) -> Iterator[KubernetesExecutor]:
        yield self.connected(secret=VIEWER)

    def nobody(self) -> ActionRequest:
        return ActionRequest("restart", "no-such-service")

    def too_many(self) -> ActionRequest:
        self.world.stateful_set("payments-db", image="pg:1")
        labels = {"metadata": {"labels": {"app.kubernetes.io/name": self.service}}}
        self.cluster.edit("statefulsets", "shop", "payments-db", labels, "kubectl")
        return ActionRequest("restart", self.service)


class FakeKubernetesWithTokens(FakeKubernetes):
    """The endpoint's token reads and asks for tokens; a service account's token changes."""

    actions = ("restart", "scale")
    token = "a-reader-that-may-ask-for-tokens"
    refusal = "serviceaccounts/token"
    options: Mapping[str, Any] = {"namespace": "shop", "service_account": "airra-actor"}

    def __init__(self) -> None:
        super().__init__()
        may = {("get", "*"), ("list", "*"), ("create", "serviceaccounts/token")}
        self.cluster.tokens[self.token] = may
