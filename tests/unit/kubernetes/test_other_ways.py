"""Other ways a rule comes to fire, or not to, beside the one of its fixture."""

from collections.abc import Mapping
from typing import Any

import pytest

from analysis.reasoning.kubernetes.engine import findings
from tests.unit.kubernetes.collected import fixture, read
from tests.unit.kubernetes.shop import printed

POD = "web-7d9c5b4f6d-x2xkq"
PODS = "NAMESPACE|NAME|READY|STATUS|RESTARTS|AGE|NODE"
DEPLOYMENTS = "NAMESPACE|NAME|READY|UP-TO-DATE|AVAILABLE|AGE"
DAEMONS = "NAMESPACE|NAME|DESIRED|CURRENT|READY|UP-TO-DATE|AVAILABLE|AGE"


def event(reason: str, message: str, kind: str = "Pod", name: str = POD) -> dict[str, str]:
    return {"kind": kind, "name": name, "type": "Warning", "reason": reason, "message": message}


def waiting(word: str, *events: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """One pod of web that waits, and what is noted about it."""
    node = "<none>" if word == "Pending" else "n1"
    tables = {
        "pods": printed(PODS, f"shop|{POD}|0/1|{word}|0|5m|{node}"),
        "deployments": printed(DEPLOYMENTS, "shop|web|0/1|1|0|5m"),
        **more.pop("tables", {}),
    }
    return {"tables": tables, "events": list(events), **more}


def web(spec: Mapping[str, Any]) -> dict[str, Any]:
    labels = {"matchLabels": {"app": "web"}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 1, "selector": labels, "template": template},
    }


def affine(*expressions: Mapping[str, Any]) -> dict[str, Any]:
    terms = {"nodeSelectorTerms": [{"matchExpressions": list(expressions)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
    return web({"containers": [{"name": "a"}], "affinity": {"nodeAffinity": required}})


NODE = {"kind": "Node", "metadata": {"name": "n1", "labels": {"zone": "z1"}}, "spec": {}}


@pytest.mark.parametrize(
    ("operator", "values", "fires"),
    [
        ("In", ["z2"], True),
        ("In", ["z1"], False),
        ("NotIn", ["z1"], True),
        ("NotIn", ["z2"], False),
        ("Exists", [], False),
        ("DoesNotExist", [], True),
        ("Gt", ["1"], False),  # not judged
    ],
)
def test_every_operator_of_node_affinity(operator: str, values: list[str], *, fires: bool) -> None:
    wanted = affine({"key": "zone", "operator": operator, "values": values})
    told = waiting("Pending", event("FailedScheduling", "no"), manifests=[wanted, NODE])
    assert ("node_affinity_matches_no_node" in rules(told)) is fires


def rules(told: Mapping[str, Any]) -> dict[str, str]:
    """Which rules fire, and on what."""
    return {f.rule: str(f.object) for f in reversed(findings(read(told)))}


def system(*pods: str, **more: Any) -> dict[str, Any]:
    rows = (f"kube-system|{p}|1/1|Running|0|5d|cp" for p in pods)
    return {"tables": {"pods": printed(PODS, *rows)}, **more}


CONTROL = ("kube-apiserver-cp", "etcd-cp", "kube-controller-manager-cp", "kube-scheduler-cp")
CLAIM = {
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data", "namespace": "shop"},
    "spec": {"storageClassName": "manual", "volumeName": "pv1"},
    "status": {"phase": "Pending"},
}
MOUNTED = {
    "containers": [{"name": "a", "volumeMounts": [{"name": "d", "mountPath": "/data"}]}],
    "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}],
}
COREDNS = {
    "kind": "Deployment",
    "metadata": {"name": "coredns", "namespace": "kube-system"},
    "spec": {"replicas": 1},
    "status": {"readyReplicas": 1},
}


def corefile(text: str) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": text},
    }


WAYS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "config_key_missing",
        "Deployment/web",
        waiting(
            "CreateContainerConfigError",
            event("Failed", "Error: couldn't find key mode in ConfigMap shop/settings"),
        ),
    ),
    (
        "image_pull_denied",
        "Deployment/web",
        waiting(
            "ImagePullBackOff",
            event("Failed", "Failed to pull image: unauthorized: authentication required"),
        ),
    ),
    (
        "taint_not_tolerated",
        "Deployment/web",
        waiting(
            "Pending",
            event("FailedScheduling", "0/1 nodes: 1 node(s) had untolerated taint {gpu: true}."),
        ),
    ),
    (
        "claim_unbound",
        "Deployment/web",
        waiting(
            "Pending",
            manifests=[web(MOUNTED)],
            tables={"pvc": "NAMESPACE   NAME   STATUS\nshop        other   Bound"},
        ),
    ),
    (
        "no_volume_fits_claim",
        "Deployment/web",
        waiting(
            "Pending",
            manifests=[
                web(MOUNTED),
                CLAIM,
                {
                    "kind": "PersistentVolume",
                    "metadata": {"name": "pv1"},
                    "spec": {"claimRef": {"name": "somebody"}},
                },
            ],
        ),
    ),
    (
        "kubelet_down",
        "Node/n9",
        {"node_services": {"n9": {"kubelet": "inactive", "containerd": "active"}}},
    ),
    (
        "container_runtime_down",
        "Node/n1",
        {"manifests": [NODE], "node_services": {"n1": {"containerd": "failed"}}},
    ),
    (
        "kube_proxy_down",
        "Node/n1",
        {"manifests": [NODE], "node_services": {"n1": {"kube-proxy": "inactive"}}},
    ),
    (
        "network_plugin_down",
        "DaemonSet/calico-node",
        {
            "tables": {"ds": printed(DAEMONS, "kube-system|calico-node|2|2|1|2|1|5d")},
            "events": [event("FailedCreatePodSandBox", "failed to set up sandbox: cni")],
        },
    ),
    (
        "kube_proxy_down",
        "DaemonSet/kube-proxy",
        {
            "tables": {
                "ds": printed(DAEMONS, "kube-system|kube-proxy|2|2|1|2|1|5d"),
                "pods": printed(PODS, "kube-system|kube-proxy-x7k2p|0/1|Error|3|5d|n2"),
            }
        },
    ),
    ("scheduler_down", "Component/kube-scheduler", system(*CONTROL[:3])),
    (
        "scheduler_down",
        "Component/kube-scheduler",
        {"node_services": {"cp": {"kube-scheduler": "failed"}}},
    ),
    (
        "controller_manager_down",
        "Component/kube-controller-manager",
        {
            "tables": {
                "deployments": printed(DEPLOYMENTS, "shop|a|0/1|0|0|5m", "shop|b|0/1|0|0|5m"),
                "pods": printed(PODS, "shop|c-6d5f9c7b8d-abcde|1/1|Running|0|5m|n1"),
                "replicasets": printed("NAMESPACE|NAME|DESIRED", "shop|c-6d5f9c7b8d|1"),
            }
        },
    ),
    (
        "cluster_dns_misconfigured",
        "Deployment/coredns",
        {
            "manifests": [COREDNS, corefile(".:53 {\n  forward . /etc/resolv.conf\n}")],
            "error_logs": {"web": ["lookup cart: no such host"]},
        },
    ),
    (
        "cluster_dns_misconfigured",
        "Deployment/coredns",
        {
            "manifests": [
                COREDNS,
                corefile(
                    ".:53 {\n  template ANY ANY {\n    rcode NXDOMAIN\n  }\n"
                    "  kubernetes cluster.local\n}"
                ),
            ],
            "error_logs": {"coredns": ["[ERROR] plugin/errors: 2 cart. A: unreachable backend"]},
        },
    ),
    (
        "volume_not_writable",
        "Deployment/web",
        waiting(
            "Error",
            manifests=[web(MOUNTED)],
            error_logs={"web": ["write /data/x: no space left on device"]},
        ),
    ),
]


@pytest.mark.parametrize(("rule", "about", "told"), WAYS)
def test_another_way(rule: str, about: str, told: dict[str, Any]) -> None:
    assert rules(told).get(rule) == about


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("cluster_dns_misconfigured", {"manifests": [COREDNS, corefile("")]}),
        ("scheduler_down", system(*CONTROL)),
        ("node_cordoned", waiting("Pending", event("FailedScheduling", "Insufficient cpu"))),
        (
            "config_map_missing",
            waiting(
                "CreateContainerConfigError",
                event("Failed", 'Error: secret "db" not found'),
            ),
        ),
    ],
)
def test_another_way_it_does_not(rule: str, told: dict[str, Any]) -> None:
    assert rule not in rules(told)


def test_a_policy_for_another_port_does_not_open_the_way() -> None:
    told = dict(fixture("policy_closes_needed_way").fires)
    policy = told["manifests"][0]
    for port, fires in ((9999, True), (7070, False)):
        policy["spec"]["ingress"] = [{"ports": [{"port": port}]}]
        assert ("policy_closes_needed_way" in rules(told)) is fires


def test_everybody_refused_means_the_database_changed() -> None:
    told = dict(fixture("credentials_refused").fires)
    other = web({"containers": [{"name": "a", "env": [{"name": "DB_HOST", "value": "mysql"}]}]})
    other["metadata"] = {"name": "mail", "namespace": "shop"}
    told["manifests"] = [*told["manifests"], other]
    refused = "Access denied for user 'shop'"
    told["error_logs"] = {"web": refused, "mail": refused}
    assert rules(told)["credentials_refused"] == "Deployment/mysql"


def test_everybody_calls_another_port_means_the_service_changed() -> None:
    spec = {"containers": [{"name": "a", "env": [{"name": "CART_ADDR", "value": "cart:7070"}]}]}
    mail = {**web(spec), "metadata": {"name": "mail", "namespace": "shop"}}
    cart = {
        "kind": "Service",
        "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"app": "cart"}, "ports": [{"port": 9999}]},
    }
    both = {"manifests": [web(spec), mail, cart]}
    assert rules(both)["address_has_wrong_port"] == "Service/cart"
    alone = {"manifests": [web(spec), cart]}
    assert rules(alone)["address_has_wrong_port"] == "Deployment/web"
