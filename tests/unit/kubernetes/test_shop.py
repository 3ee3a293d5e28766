"""A whole shop with one fault among start-up noise: the rules name it, counting does not."""

from collections import Counter
from collections.abc import Callable

import pytest

from analysis.reasoning.kubernetes.diagnosis import diagnose_kubernetes
from analysis.types import Case
from tests.unit.kubernetes.shop import PORTS, Injected, Shop, collected, healthy, ids

FAULTS: dict[str, Injected] = {}


def fault(kind: str, *accept: str) -> Callable[[Callable[[Shop], None]], Callable[[Shop], None]]:
    def noted(inject: Callable[[Shop], None]) -> Callable[[Shop], None]:
        FAULTS[inject.__name__] = Injected(inject, accept, kind)
        return inject

    return noted


@fault("oom", "app/cart")
def memory_limit_too_low(shop: Shop) -> None:
    shop.bring_down("cart", "CrashLoopBackOff", 6)
    shop.last["cart"] = ("OOMKilled", 137)


@fault("crash_loop", "app/payment")
def crashes(shop: Shop) -> None:
    shop.bring_down("payment", "CrashLoopBackOff", 6)
    shop.last["payment"] = ("Error", 1)


@fault("image", "app/catalog")
def image_typo(shop: Shop) -> None:
    shop.container("catalog")["image"] = "shop/catalog:nope"
    shop.bring_down("catalog", "ImagePullBackOff")
    shop.warn("catalog", "Failed", 'Failed to pull image "shop/catalog:nope": not found')


@fault("secret", "app/payment")
def secret_gone(shop: Shop) -> None:
    shop.bring_down("payment", "CreateContainerConfigError")
    shop.tables["secrets"] = (
        "NAMESPACE   NAME    TYPE     DATA   AGE\nshop        other   Opaque   1      2d"
    )
    shop.container("payment")["env"][-1]["valueFrom"]["secretKeyRef"]["name"] = "gone"
    shop.warn("payment", "Failed", 'Error: secret "gone" not found')


@fault("scheduling", "app/cart")
def node_selector(shop: Shop) -> None:
    shop.spec("cart")["nodeSelector"] = {"disktype": "ssd"}
    shop.bring_down("cart", "Pending")
    message = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    shop.warn("cart", "FailedScheduling", message)


@fault("scheduling", "app/cart")
def too_big(shop: Shop) -> None:
    shop.container("cart")["resources"]["requests"]["memory"] = "512Gi"
    shop.bring_down("cart", "Pending")
    shop.warn("cart", "FailedScheduling", "0/2 nodes are available: 2 Insufficient memory.")


@fault("scheduling", "node/n1")
def cordoned(shop: Shop) -> None:
    shop.nodes["n1"] = "Ready,SchedulingDisabled"
    shop.spec("cart")["nodeSelector"] = {"kubernetes.io/hostname": "n1"}
    shop.bring_down("cart", "Pending")
    message = (
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
        "1 node(s) were unschedulable."
    )
    shop.warn("cart", "FailedScheduling", message)


@fault("quota", "namespace/shop", "app/checkout")
def quota(shop: Shop) -> None:
    shop.bring_down("checkout", "absent")
    shop.tables["resourcequotas"] = (
        "NAMESPACE   NAME    AGE   REQUEST     LIMIT\nshop        small   20m   pods: 6/6   "
    )
    message = (
        'Error creating: pods "checkout-6d5f9c7b8d-abcde" is forbidden: exceeded quota: small, '
        "requested: pods=1, used: pods=6, limited: pods=6"
    )
    shop.warn("checkout-6d5f9c7b8d", "FailedCreate", message, kind="ReplicaSet")


@fault("probe", "app/cart")
def liveness_port(shop: Shop) -> None:
    shop.container("cart")["livenessProbe"]["tcpSocket"]["port"] = 7071
    shop.bring_down("cart", "CrashLoopBackOff", 7)
    shop.last["cart"] = ("Completed", 0)
    shop.warn(
        "cart",
        "Unhealthy",
        "Liveness probe failed: dial tcp 10.244.1.5:7071: connect: connection refused",
    )


@fault("probe", "app/cart")
def readiness_port(shop: Shop) -> None:
    shop.container("cart")["readinessProbe"]["tcpSocket"]["port"] = 7071
    shop.bring_down("cart", "Running")
    shop.warn(
        "cart",
        "Unhealthy",
        "Readiness probe failed: dial tcp 10.244.1.5:7071: connect: connection refused",
    )


@fault("routing", "app/cart")
def selector(shop: Shop) -> None:
    shop.services["cart"]["spec"]["selector"] = {"app": "cart-v2"}
    shop.cut("cart")


@fault("routing", "app/cart")
def target_port(shop: Shop) -> None:
    shop.services["cart"]["spec"]["ports"][0]["targetPort"] = 9999
    shop.cut("cart")


@fault("routing", "app/cart")
def service_port(shop: Shop) -> None:
    shop.services["cart"]["spec"]["ports"][0]["port"] = 9999
    shop.cut("cart")


@fault("routing", "app/checkout")
def address(shop: Shop) -> None:
    shop.container("checkout")["env"][1]["value"] = "cartt:7070"
    shop.logs["checkout"] = ["dial tcp: lookup cartt on 10.96.0.10:53: no such host"] * 5
    shop.cut("checkout")


@fault("routing", "app/payment")
def database_port(shop: Shop) -> None:
    shop.container("payment")["env"][1]["value"] = "mysql:3307"
    shop.bring_down("payment", "CrashLoopBackOff", 5)
    shop.last["payment"] = ("Error", 1)
    shop.logs["payment"] = ["dial tcp mysql:3307: connect: connection refused"]


@fault("secret", "app/payment")
def credentials(shop: Shop) -> None:
    shop.container("payment")["env"][-1] = {"name": "MYSQL_PASSWORD", "value": "bad"}
    shop.bring_down("payment", "CrashLoopBackOff", 5)
    shop.last["payment"] = ("Error", 1)
    shop.logs["payment"] = ["Error 1045 (28000): Access denied for user 'shop'@'10.0.0.1'"]


@fault("database", "app/mysql")
def connections(shop: Shop) -> None:
    for name in ("payment", "catalog"):
        shop.logs[name] = ["Error 1040: Too many connections"] * 3


@fault("scaling", "app/cart")
def to_zero(shop: Shop) -> None:
    shop.deployments["cart"]["spec"]["replicas"] = 0
    shop.ready["cart"] = False
    shop.cut("cart")


@fault("node", "node/n2")
def kubelet(shop: Shop) -> None:
    shop.nodes["n2"], shop.units["n2"]["kubelet"] = "NotReady", "inactive"
    for name in shop.deployments:
        if shop.node(name) == "n2":
            shop.ready[name] = False
            shop.cut(name)


@fault("node", "node/n2")
def runtime(shop: Shop) -> None:
    shop.nodes["n2"], shop.units["n2"]["containerd"] = "NotReady", "failed"
    for name in shop.deployments:
        if shop.node(name) == "n2":
            shop.ready[name] = False
            shop.cut(name)


@fault("dns", "app/coredns")
def dns(shop: Shop) -> None:
    shop.tables["deployments.apps -n kube-system"] = (
        "NAME      READY   UP-TO-DATE   AVAILABLE   AGE\n"
        "coredns   0/0     0            0           20d"
    )
    for name in shop.deployments:
        shop.logs[name] = ["dial tcp: lookup cart: Temporary failure in name resolution"] * 3
    shop.checks = {f"{n}:{p}": "could not resolve host" for n, p in PORTS.items()}


@fault("crash_loop", "app/mysql")
def database_crashes_and_its_clients_with_it(shop: Shop) -> None:
    for name in ("catalog", "mysql", "payment"):
        shop.bring_down(name, "CrashLoopBackOff", 6)
        shop.last[name] = ("Error", 1)


@fault("probe", "app/cart")
def killed_by_its_probe(shop: Shop) -> None:
    shop.bring_down("cart", "CrashLoopBackOff", 6)
    shop.last["cart"] = ("Error", 137)
    shop.warn("cart", "Unhealthy", "Liveness probe failed: command timed out after 1s")
    shop.warn("cart", "Killing", "Container server failed liveness probe, will be restarted")


@fault("config", "app/checkout")
def variable_gone(shop: Shop) -> None:
    del shop.container("checkout")["env"][2]
    shop.bring_down("checkout", "CrashLoopBackOff", 6)
    shop.last["checkout"] = ("Error", 2)
    shop.logs["checkout"] = ['panic: environment variable "PAYMENT_ADDR" not set']


@fault("routing", "app/cart")
def service_gone(shop: Shop) -> None:
    del shop.services["cart"]
    for name in ("frontend", "checkout"):
        shop.logs[name] = ["dial tcp: lookup cart on 10.96.0.10:53: no such host"]


@fault("storage", "app/mysql")
def claim_names_no_class(shop: Shop) -> None:
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "mysql-data"}}
    shop.spec("mysql")["volumes"] = [claim]
    shop.bring_down("mysql", "Pending")
    message = "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    shop.warn("mysql", "FailedScheduling", message)
    shop.tables["pvc"] = (
        "NAMESPACE   NAME         STATUS    VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE\n"
        "shop        mysql-data   Pending                                      gone           20m"
    )
    shop.tables["storageclasses"] = "NAME       PROVISIONER\nstandard   rancher.io/local-path"


def case_of(shop: Shop) -> Case:
    return Case(id="c", candidates=ids(shop), kubernetes=collected(shop), events=shop.events)


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_named_amid_the_noise(name: str) -> None:
    told, shop = FAULTS[name], healthy()
    told.inject(shop)
    said = diagnose_kubernetes(case_of(shop))
    first = said.suspects[0]
    assert first.component in told.accept, [(c.detail, c.value) for c in first.clues]
    assert first.fault_type == told.fault, [c.detail for c in first.clues]
    assert first.probability > 0.5
    assert not said.is_abstained


def test_a_shop_that_is_well_is_no_incident() -> None:
    said = diagnose_kubernetes(case_of(healthy()))
    assert said.is_abstained, said.suspects[0].clues
    assert said.none > 0.5


def test_counting_warnings_names_few_of_them() -> None:
    right = 0
    for told in FAULTS.values():
        shop = healthy()
        told.inject(shop)
        count = Counter(e["name"].split("-6d5f9c7b8d")[0] for e in shop.events)
        right += f"app/{count.most_common(1)[0][0]}" in told.accept
    assert right < len(FAULTS) / 2
