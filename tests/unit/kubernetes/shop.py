"""A small shop on a cluster as kubectl prints it, well or with one fault, amid start-up noise."""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

CALLS = {
    "frontend": ["cart", "catalog", "checkout"],
    "checkout": ["cart", "payment", "catalog"],
    "cart": ["redis"],
    "payment": ["mysql"],
    "catalog": ["mysql"],
    "redis": [],
    "mysql": [],
}
PORTS = {"frontend": 8080, "cart": 7070, "catalog": 3550, "checkout": 5050, "payment": 50051,
         "redis": 6379, "mysql": 3306}  # fmt: skip
IMAGES = {"redis": "redis:7", "mysql": "mysql:8"}
NODES = ("n1", "n2")
SPACE = "shop"
_PODS = "NAMESPACE|NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES"
_DEPLOYMENTS = "NAMESPACE|NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR"
_SERVICES = "NAMESPACE|NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE|SELECTOR"
_NODES = (
    "NAME|STATUS|ROLES|AGE|VERSION|INTERNAL-IP|EXTERNAL-IP|OS-IMAGE|KERNEL-VERSION"
    "|CONTAINER-RUNTIME"
)


def container(name: str) -> dict[str, Any]:
    port = PORTS[name]
    env: list[dict[str, Any]] = [{"name": "PORT", "value": str(port)}]
    env += [{"name": f"{c.upper()}_ADDR", "value": f"{c}:{PORTS[c]}"} for c in CALLS[name]]
    if "mysql" in (name, *CALLS[name]):
        to = {"secretKeyRef": {"name": "db-login", "key": "password"}}
        env.append({"name": "MYSQL_PASSWORD", "valueFrom": to})
    return {
        "name": "server",
        "image": IMAGES.get(name, f"shop/{name}:1"),
        "ports": [{"containerPort": port}],
        "env": env,
        "resources": {
            "requests": {"cpu": "100m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": "128Mi"},
        },
        "readinessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 10},
        "livenessProbe": {"tcpSocket": {"port": port}, "periodSeconds": 10},
    }


@dataclass
class Shop:
    """What the tables, descriptions and manifests are printed from; faults change it."""

    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)  # workload -> word of its pod
    ready: dict[str, bool] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    last: dict[str, tuple[str, int]] = field(default_factory=dict)  # last state: reason, code
    nodes: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NODES, "Ready"))
    taints: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    units: dict[str, dict[str, str]] = field(default_factory=dict)
    system: dict[str, str] = field(default_factory=dict)

    def spec(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.deployments[name]["spec"]["template"]["spec"]
        return found

    def container(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.spec(name)["containers"][0]
        return found

    def pod(self, name: str) -> str:
        return f"{name}-6d5f9c7b8d-{'abcde' if len(name) % 2 else 'x7k2p'}"

    def node(self, name: str) -> str:
        return "" if self.status.get(name) == "Pending" else NODES[len(name) % 2]

    def warn(self, name: str, reason: str, message: str, kind: str = "Pod") -> None:
        who = self.pod(name) if kind == "Pod" else name
        self.events.append(
            {"kind": kind, "name": who, "type": "Warning", "reason": reason, "age": "2m",
             "message": message}
        )  # fmt: skip

    def bring_down(self, name: str, word: str, restarts: int = 0) -> None:
        """The pod is not ready, and whoever calls it says so."""
        self.status[name], self.ready[name], self.restarts[name] = word, False, restarts
        self.cut(name)

    def cut(self, name: str) -> None:
        for caller, callees in CALLS.items():
            if name in callees:
                text = f"rpc error: dial tcp {name}:{PORTS[name]}: connect: connection refused"
                self.logs.setdefault(caller, []).append(text)
        self.checks[f"{name}:{PORTS[name]}"] = "connection refused"

    def has_endpoints(self, name: str) -> bool:
        labels = self.deployments[name]["spec"]["template"]["metadata"]["labels"]
        meets = self.services[name]["spec"]["selector"].items() <= labels.items()
        return meets and self.ready.get(name, True)


def healthy() -> Shop:
    """Everything is ready; events of the start are still about."""
    shop = Shop(
        units={n: {"kubelet": "active", "containerd": "active"} for n in NODES},
        checks={f"{n}:{p}": "ok" for n, p in PORTS.items()},
    )
    for name in CALLS:
        labels = {"app": name}
        meta = {"name": name, "namespace": SPACE}
        shop.deployments[name] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": dict(labels)},
                    "spec": {"containers": [container(name)]},
                },
            },
        }
        port = PORTS[name]
        shop.services[name] = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": dict(labels), "ports": [{"port": port, "targetPort": port}]},
        }
        refused = f"Readiness probe failed: dial tcp 10.244.1.5:{port}: connect: connection refused"
        for _ in range(len(name)):
            shop.warn(name, "Unhealthy", refused)
        shop.warn(name, "FailedScheduling", "0/2 nodes are available: 2 Insufficient cpu.")
        shop.warn(name, "BackOff", "Back-off restarting failed container server")
    return copy.deepcopy(shop)


def collected(shop: Shop) -> dict[str, Any]:
    """As a case has it."""
    return {
        "tables": {**_tables(shop), **shop.tables},
        "describe": {f"pod/{shop.pod(n)}": _described(shop, n) for n in shop.deployments
                     if shop.status.get(n) != "absent"},
        "manifests": {
            "deployments": list(shop.deployments.values()),
            "services": list(shop.services.values()),
        },
        "node_services": shop.units,
        "connectivity": shop.checks,
        "error_logs": shop.logs,
        "collected_at": "2026-11-28T07:00:00Z",
    }  # fmt: skip


def printed(header: str, *rows: str, gap: int = 3) -> str:
    """Columns as kubectl lays them out."""
    cells = [row.split("|") for row in (header, *rows)]
    widths = [max(map(len, column)) + gap for column in zip(*cells, strict=True)]
    return "\n".join(
        "".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _tables(shop: Shop) -> dict[str, str]:
    pods: list[list[str]] = []
    deployments: list[list[str]] = []
    services: list[list[str]] = []
    endpoints: list[list[str]] = []
    for name, body in shop.deployments.items():
        ready = shop.ready.get(name, True)
        word, want = shop.status.get(name, "Running"), body["spec"]["replicas"]
        one = int(ready and want > 0 and word != "absent")
        node = shop.node(name) or "<none>"
        if word != "absent" and want:
            pods.append([SPACE, shop.pod(name), f"{one}/1", word, str(shop.restarts.get(name, 0)),
                         "20m", f"10.244.1.{len(pods) + 2}", node, "<none>", "<none>"])  # fmt: skip
        deployments.append([SPACE, name, f"{one}/{want}", "1", str(one), "20m", "server",
                            shop.container(name)["image"], f"app={name}"])  # fmt: skip
    for name, body in shop.services.items():
        told = ",".join(f"{k}={v}" for k, v in body["spec"]["selector"].items())
        port = f"{body['spec']['ports'][0]['port']}/TCP"
        services.append([SPACE, name, "ClusterIP", "10.96.0.9", "<none>", port, "20m", told])
        at = f"10.244.1.5:{PORTS[name]}" if shop.has_endpoints(name) else "<none>"
        endpoints.append([SPACE, name, at, "20m"])
    nodes = [[n, w, "<none>", "20d", "v1.31.0", "172.18.0.2", "<none>", "Debian", "6.1.0",
              "containerd://1.7"] for n, w in shop.nodes.items()]  # fmt: skip
    return {
        "pods": printed(_PODS, *("|".join(row) for row in pods)),
        "deployments": printed(_DEPLOYMENTS, *("|".join(row) for row in deployments)),
        "services": printed(_SERVICES, *("|".join(row) for row in services)),
        "endpoints": printed("NAMESPACE|NAME|ENDPOINTS|AGE", *("|".join(row) for row in endpoints)),
        "nodes": printed(_NODES, *("|".join(row) for row in nodes)),
    }


def _described(shop: Shop, name: str) -> str:
    """A pod as `kubectl describe` prints it."""
    word, ready = shop.status.get(name, "Running"), shop.ready.get(name, True)
    reason, code = shop.last.get(name, ("", 0))
    state = "Running" if word == "Running" else "Waiting"
    node = shop.node(name)
    lines = [
        f"Name:             {shop.pod(name)}",
        f"Namespace:        {SPACE}",
        f"Node:             {f'{node}/172.18.0.2' if node else '<none>'}",
        f"Labels:           app={name}",
        "                  pod-template-hash=6d5f9c7b8d",
        f"Status:           {'Pending' if word == 'Pending' else 'Running'}",
        f"Controlled By:    ReplicaSet/{name}-6d5f9c7b8d",
        "Containers:",
        "  server:",
        f"    Image:          {shop.container(name)['image']}",
        f"    Port:           {PORTS[name]}/TCP",
        *_described_container(shop.container(name)),
    ]
    if word != "Pending":
        lines += [f"    State:          {state}"]
        lines += [f"      Reason:       {word}"] if state == "Waiting" else []
        if reason:
            lines += ["    Last State:     Terminated", f"      Reason:       {reason}",
                      f"      Exit Code:    {code}"]  # fmt: skip
        lines += [
            f"    Ready:          {ready}",
            f"    Restart Count:  {shop.restarts.get(name, 0)}",
        ]
    lines += ["Conditions:", "  Type              Status", f"  Ready             {ready}"]
    lines += _described_spec(shop.spec(name))
    lines += ["Events:", "  Type     Reason            Age   From               Message",
              "  ----     ------            ----  ----               -------"]  # fmt: skip
    lines += [
        f"  Warning  {e['reason']}  2m  kubelet  {e['message']}"
        for e in shop.events
        if e["name"] == shop.pod(name)
    ]
    return "\n".join(lines)


def _described_container(container_: dict[str, Any]) -> list[str]:
    lines = []
    for kind in ("limits", "requests"):
        lines += [f"    {kind.title()}:"]
        lines += [f"      {k}:     {v}" for k, v in container_["resources"][kind].items()]
    for kind in ("liveness", "readiness"):
        port = container_[f"{kind}Probe"]["tcpSocket"]["port"]
        wait = "delay=0s timeout=1s period=10s #success=1 #failure=3"
        lines.append(f"    {kind.title()}:      tcp-socket :{port} {wait}")
    lines.append("    Environment:")
    for one in container_["env"]:
        to = one.get("valueFrom", {}).get("secretKeyRef")
        told = f"<set to the key '{to['key']}' in secret '{to['name']}'>" if to else one["value"]
        lines.append(f"      {one['name']}:  {told}{'  Optional: false' if to else ''}")
    return lines


def _described_spec(spec: dict[str, Any]) -> list[str]:
    chosen = ",".join(f"{k}={v}" for k, v in spec.get("nodeSelector", {}).items())
    lines = ["Volumes:"] if spec.get("volumes") else []
    for volume in spec.get("volumes", []):
        lines += [
            f"  {volume['name']}:",
            "    Type:       PersistentVolumeClaim (a reference to a PersistentVolumeClaim)",
            f"    ClaimName:  {volume['persistentVolumeClaim']['claimName']}",
        ]
    return [*lines, f"Node-Selectors:              {chosen or '<none>'}"]


Fault = Callable[[Shop], None]


@dataclass(frozen=True)
class Injected:
    """One fault: what it does, and the ids and the type that are right."""

    inject: Fault
    accept: tuple[str, ...]
    fault: str


def ids(shop: Shop) -> tuple[str, ...]:
    apps = [f"app/{name}" for name in shop.deployments]
    return (
        *apps,
        *(f"node/{n}" for n in NODES),
        f"namespace/{SPACE}",
        "app/coredns",
        "app/kube-proxy",
    )
