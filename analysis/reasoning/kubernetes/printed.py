"""Rows of `kubectl get -o wide`, in the shape of the API: as much of a body as a row tells."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from analysis.reasoning.kubernetes.tables import Row

_FINE = frozenset(
    {"Running", "Completed", "Succeeded", "Pending", "Terminating", "Failed", "Unknown"}
)
_NONE = frozenset({"", "<none>", "<unset>", "<pending>"})


def printed(kind: str, row: Row) -> dict[str, Any]:
    """A body with the row's text under `printed`. Without a name it is of no use."""
    name = row.get("NAME", "").split("/")[-1]
    metadata: dict[str, Any] = {"name": name, "namespace": row.get("NAMESPACE", "")}
    if labels := row.get("LABELS"):
        metadata["labels"] = _pairs(labels)
    reader = _READERS.get(kind, _plain)
    return {"kind": kind, "metadata": metadata, **reader(row)}


def _plain(_: Row) -> dict[str, Any]:
    return {}


def _pairs(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return {key.strip(): value.strip() for key, _, value in parts}


def _int(text: str | None) -> int | None:
    found = re.match(r"\d+", text or "")
    return int(found[0]) if found else None


def _fraction(text: str | None) -> tuple[int | None, int | None]:
    found = re.match(r"(\d+)/(\d+)", text or "")
    return (int(found[1]), int(found[2])) if found else (None, None)


def _known(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None and v not in ("", [], {})}


def _pod(row: Row) -> dict[str, Any]:
    word = row.get("STATUS", "")
    phase = word if word in _FINE else "Pending" if word.startswith("Init:") else ""
    ready, wanted = _fraction(row.get("READY"))
    node = row.get("NODE", "")
    usage = _known(cpu=row.get("CPU(CORES)"), memory=row.get("MEMORY(BYTES)"))
    status = _known(
        usage=usage,
        phase=phase,
        printed=word,
        printedReady=ready,
        printedContainers=wanted,
        printedRestarts=_int(row.get("RESTARTS")),
        podIP="" if row.get("IP") in _NONE else row.get("IP"),
    )
    return {"spec": _known(nodeName="" if node in _NONE else node), "status": status}


def _workload(row: Row) -> dict[str, Any]:
    ready, wanted = _fraction(row.get("READY"))
    if ready is None:
        ready, wanted = _int(row.get("READY")), _int(row.get("DESIRED"))
    spec = _known(replicas=wanted)
    selector = _pairs(row.get("SELECTOR", ""))
    if selector:
        spec["selector"] = {"matchLabels": selector}
    names = [w for w in row.get("CONTAINERS", "").split(",") if w not in _NONE]
    images = [w for w in row.get("IMAGES", "").split(",") if w not in _NONE]
    if names and len(names) == len(images):
        found = [{"name": n, "image": i} for n, i in zip(names, images, strict=True)]
        spec["template"] = {"spec": {"containers": found}}
    status = _known(
        readyReplicas=ready,
        printedWanted=wanted,
        updatedReplicas=_int(row.get("UP-TO-DATE")),
        availableReplicas=_int(row.get("AVAILABLE")),
        replicas=_int(row.get("CURRENT")),
        printed=row.get("STATUS"),
    )
    return {"spec": spec, "status": status}


def _daemon_set(row: Row) -> dict[str, Any]:
    made = _workload(row)
    wanted, ready = _int(row.get("DESIRED")), _int(row.get("READY"))
    made["status"] |= _known(desiredNumberScheduled=wanted, numberReady=ready)
    selector = _pairs(row.get("NODE SELECTOR", ""))
    if selector:
        made["spec"].setdefault("template", {}).setdefault("spec", {})["nodeSelector"] = selector
    return made


def _service(row: Row) -> dict[str, Any]:
    text = row.get("PORT(S)", row.get("PORTS", ""))
    ports = [
        {"port": int(port), "protocol": protocol}
        for port, protocol in re.findall(r"(\d+)(?::\d+)?/(\w+)", text)
    ]
    spec = _known(
        type=row.get("TYPE"),
        clusterIP=row.get("CLUSTER-IP"),
        ports=ports,
        selector=_pairs(row.get("SELECTOR", "")),
    )
    return {"spec": spec}


def _endpoints(row: Row) -> dict[str, Any]:
    subsets = []
    text = row.get("ENDPOINTS", "")
    for part in [] if text in _NONE else text.split(","):
        ip, _, port = part.strip().partition(":")
        if re.match(r"[\d.]+$|[\da-f:\[\]]+$", ip):
            ports = [{"port": int(port)}] if port.isdigit() else []
            subsets.append({"addresses": [{"ip": ip}], "ports": ports})
    return {"subsets": subsets}


def _slice(row: Row) -> dict[str, Any]:
    text = row.get("ENDPOINTS", "")
    ips = [] if text in _NONE else text.split(",")
    return {"endpoints": [{"addresses": [ip.strip()]} for ip in ips if not ip.startswith("+")]}


def _node(row: Row) -> dict[str, Any]:
    words = row.get("STATUS", "").split(",")
    ready = {"Ready": "True", "NotReady": "Unknown"}.get(words[0])
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    labels = _pairs(row.get("LABELS", ""))
    roles = [r for r in row.get("ROLES", "").split(",") if r not in _NONE]
    labels |= {f"node-role.kubernetes.io/{role}": "" for role in roles}
    made: dict[str, Any] = {
        "spec": {"unschedulable": "SchedulingDisabled" in words},
        "status": {"conditions": conditions, "printed": row.get("STATUS", "")},
    }
    return made | ({"metadata": {"name": row.get("NAME", ""), "labels": labels}} if labels else {})


def _claim(row: Row) -> dict[str, Any]:
    return {
        "spec": _known(storageClassName=row.get("STORAGECLASS"), volumeName=row.get("VOLUME")),
        "status": _known(phase=row.get("STATUS")),
    }


def _volume(row: Row) -> dict[str, Any]:
    namespace, _, name = row.get("CLAIM", "").partition("/")
    claim = {"namespace": namespace, "name": name} if name else None
    capacity = {"storage": row["CAPACITY"]} if row.get("CAPACITY") else None
    spec = _known(storageClassName=row.get("STORAGECLASS"), claimRef=claim, capacity=capacity)
    return {"spec": spec, "status": _known(phase=row.get("STATUS"))}


def _quota(row: Row) -> dict[str, Any]:
    used: dict[str, str] = {}
    hard: dict[str, str] = {}
    text = f"{row.get('REQUEST', '')}, {row.get('LIMIT', '')}"
    for name, of, limit in re.findall(r"([\w./-]+):\s*([\w.]+)/([\w.]+)", text):
        used[name], hard[name] = of, limit
    return {"spec": {"hard": hard}, "status": {"used": used, "hard": hard}}


def _autoscaler(row: Row) -> dict[str, Any]:
    kind, _, name = row.get("REFERENCE", "").partition("/")
    spec = _known(
        scaleTargetRef={"kind": kind, "name": name} if name else None,
        minReplicas=_int(row.get("MINPODS")),
        maxReplicas=_int(row.get("MAXPODS")),
    )
    status = _known(currentReplicas=_int(row.get("REPLICAS")), printed=row.get("TARGETS"))
    return {"spec": spec, "status": status}


def _job(row: Row) -> dict[str, Any]:
    done, wanted = _fraction(row.get("COMPLETIONS"))
    status = _known(succeeded=done, printed=row.get("STATUS"))
    return {"spec": _known(completions=wanted), "status": status}


def _counted(row: Row) -> dict[str, Any]:
    return _known(printedKeys=_int(row.get("DATA")))


_READERS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "StatefulSet": _workload,
    "DaemonSet": _daemon_set,
    "Service": _service,
    "Endpoints": _endpoints,
    "EndpointSlice": _slice,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "ResourceQuota": _quota,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "ConfigMap": _counted,
    "Secret": _counted,
}
