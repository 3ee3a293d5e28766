"""What `kubectl describe` prints, in the shape of the API: a body for each object."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from analysis.reasoning.kubernetes.described_pods import conditions, pod, pod_spec
from analysis.reasoning.kubernetes.kinds import CLUSTER_WIDE, WORKLOADS
from analysis.reasoning.kubernetes.outline import Entry, outlines

_SIGNS = (  # entries only one kind prints, the plainest first
    ("Pod Template", "Deployment"),
    ("Allocatable", "Node"),
    ("Containers", "Pod"),
    ("StorageClass", "PersistentVolumeClaim"),
    ("TargetPort", "Service"),
    ("Provisioner", "StorageClass"),
    ("PolicyTypes", "NetworkPolicy"),
    ("Subsets", "Endpoints"),
    ("Tokens", "ServiceAccount"),
    ("Min replicas", "HorizontalPodAutoscaler"),
    ("Allowed disruptions", "PodDisruptionBudget"),
    ("Default backend", "Ingress"),
)


def described(text: str, kind: str = "") -> Iterator[tuple[dict[str, Any], Entry]]:
    """Bodies with the outlines they were read from. `kind` where the text does not tell."""
    for entry in outlines(text):
        of = _kind(entry, kind)
        if not of:
            continue
        yield (
            {"kind": of, "metadata": _metadata(entry, of), **_READERS.get(of, _plain)(entry)},
            entry,
        )
        if of == "Service" and entry.child("Endpoints"):
            addresses = [a for a in re.split(r",\s*", entry.text("Endpoints")) if a]
            # One line for each port.
            addresses = [a for a in addresses if not a.startswith("+")]
            body = {"metadata": _metadata(entry, of), "kind": "Endpoints"}
            yield {**body, "subsets": _subsets(addresses)}, entry


def _kind(entry: Entry, kind: str) -> str:
    if kind in WORKLOADS or (kind and kind != "Pod"):
        return kind
    return next((k for sign, k in _SIGNS if entry.child(sign)), kind)


def _metadata(entry: Entry, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {"name": entry.text("Name"), "labels": entry.pairs("Labels")}
    if kind not in CLUSTER_WIDE:
        made["namespace"] = entry.text("Namespace")
    owner_kind, _, owner = entry.text("Controlled By").partition("/")
    if owner:
        made["ownerReferences"] = [{"kind": owner_kind, "name": owner, "controller": True}]
    return made


def _plain(_: Entry) -> dict[str, Any]:
    return {}


def _workload(entry: Entry) -> dict[str, Any]:
    template = entry.child("Pod Template") or Entry("")
    spec: dict[str, Any] = {
        "selector": {"matchLabels": entry.pairs("Selector")},
        "template": {"metadata": {"labels": template.pairs("Labels")}, "spec": pod_spec(template)},
    }
    status: dict[str, Any] = {"conditions": conditions(entry)}
    words = entry.text("Replicas")
    if found := re.search(r"(\d+) desired", words):
        spec["replicas"] = int(found[1])
    for word, key in (("available", "availableReplicas"), ("updated", "updatedReplicas"),
                      ("total", "replicas"), ("current", "replicas")):  # fmt: skip
        if found := re.search(rf"(\d+) {word}", words):
            status[key] = int(found[1])
    return {"spec": spec, "status": status}


def _service(entry: Entry) -> dict[str, Any]:
    ports: list[dict[str, Any]] = []
    for line in entry.children:
        if line.key == "Port":
            name, number, protocol = _port_words(line.value)
            ports.append({"name": name, "port": number, "protocol": protocol, "targetPort": number})
        elif line.key == "TargetPort" and ports:
            target = line.value.split("/")[0]
            ports[-1]["targetPort"] = int(target) if target.isdigit() else target
    return {
        "spec": {
            "type": entry.text("Type"),
            "selector": entry.pairs("Selector"),
            "clusterIP": entry.text("IP"),
            "externalName": entry.text("External Name"),
            "ports": ports,
        }
    }


def _port_words(text: str) -> tuple[str, int, str]:
    """`<unset>  80/TCP` or `http  80/TCP`."""
    found = re.search(r"^(\S+)?\s*?(\d+)/(\w+)", text)
    if found is None:
        return "", 0, "TCP"
    name = found[1] or ""
    return "" if name == "<unset>" else name, int(found[2]), found[3]


def _subsets(addresses: list[str]) -> list[dict[str, Any]]:
    made = []
    for address in addresses:
        ip, _, port = address.partition(":")
        ports = [{"port": int(port)}] if port.isdigit() else []
        made.append({"addresses": [{"ip": ip}], "ports": ports})
    return made


def _node(entry: Entry) -> dict[str, Any]:
    taints = []
    for line in entry.values("Taints"):
        found = re.match(r"([^=:]+)(?:=([^:]*))?:(\w+)", line)
        if found:
            taints.append({"key": found[1], "value": found[2] or "", "effect": found[3]})
    used: dict[str, str] = {}
    block = entry.child("Allocated resources")
    for line in block.raw if block else []:
        if found := re.match(r"\s+(cpu|memory|ephemeral-storage)\s+(\S+)\s+\(", line):
            used[found[1]] = found[2]
    return {
        "spec": {"taints": taints, "unschedulable": entry.text("Unschedulable") == "true"},
        "status": {
            "conditions": conditions(entry),
            "capacity": entry.pairs("Capacity", mark=":"),
            "allocatable": entry.pairs("Allocatable", mark=":"),
            "requested": used,  # no field of the API: the sum kubectl prints
        },
    }


def _claim(entry: Entry) -> dict[str, Any]:
    return {
        "spec": {
            "storageClassName": entry.text("StorageClass"),
            "volumeName": entry.text("Volume"),
            "accessModes": _modes(entry.text("Access Modes")),
        },
        "status": {"phase": entry.text("Status"), "usedBy": entry.values("Used By")},
    }


def _modes(text: str) -> list[str]:
    names = {"RWO": "ReadWriteOnce", "ROX": "ReadOnlyMany", "RWX": "ReadWriteMany",
             "RWOP": "ReadWriteOncePod"}  # fmt: skip
    return [names.get(word, word) for word in re.split(r"[,\s]+", text) if word]


def _volume(entry: Entry) -> dict[str, Any]:
    namespace, _, name = entry.text("Claim").partition("/")
    spec: dict[str, Any] = {
        "storageClassName": entry.text("StorageClass"),
        "accessModes": _modes(entry.text("Access Modes")),
        "capacity": {"storage": entry.text("Capacity")},
    }
    if name:
        spec["claimRef"] = {"namespace": namespace, "name": name}
    return {"spec": spec, "status": {"phase": entry.text("Status")}}


def _storage_class(entry: Entry) -> dict[str, Any]:
    return {"provisioner": entry.text("Provisioner")}


def _quota(entry: Entry) -> dict[str, Any]:
    used, hard = {}, {}
    for line in entry.raw:
        cells = line.split()
        if len(cells) == 3 and cells[0] not in {"Resource", "--------"} and cells[0][-1] != ":":
            hard[cells[0]], used[cells[0]] = cells[2], cells[1]
    return {"spec": {"hard": hard}, "status": {"used": used, "hard": hard}}


def _data(entry: Entry) -> dict[str, Any]:
    """Names of the keys only; `key:` between rules in a ConfigMap, `key:  5 bytes` in a Secret."""
    keys: dict[str, str] = {}
    lines = [line.strip() for line in entry.raw]
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.endswith(":") and after == "----":
            keys[line[:-1]] = ""
        elif found := re.match(r"(\S+):\s+\d+ bytes$", line):
            keys[found[1]] = ""
    return {"data": keys, "text": "\n".join(lines)}


def _autoscaler(entry: Entry) -> dict[str, Any]:
    kind, _, name = entry.text("Reference").partition("/")
    counts = re.search(r"(\d+) current / (\d+) desired", entry.text("Deployment pods"))
    return {
        "spec": {
            "scaleTargetRef": {"kind": kind, "name": name},
            "minReplicas": _int(entry.text("Min replicas")),
            "maxReplicas": _int(entry.text("Max replicas")),
        },
        "status": {
            "conditions": conditions(entry),
            "currentReplicas": int(counts[1]) if counts else 0,
            "desiredReplicas": int(counts[2]) if counts else 0,
        },
    }


def _int(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _endpoints(entry: Entry) -> dict[str, Any]:
    ready = [a for a in re.split(r",\s*", entry.text("Subsets", "Addresses")) if a]
    waiting = [a for a in re.split(r",\s*", entry.text("Subsets", "NotReadyAddresses")) if a]
    if not ready and not waiting:
        return {"subsets": []}
    return {
        "subsets": [
            {
                "addresses": [{"ip": ip} for ip in ready],
                "notReadyAddresses": [{"ip": ip} for ip in waiting],
            }
        ]
    }


_READERS: Mapping[str, Callable[[Entry], dict[str, Any]]] = {
    "Pod": pod,
    **dict.fromkeys(WORKLOADS, _workload),
    "Service": _service,
    "Endpoints": _endpoints,
    "Node": _node,
    "PersistentVolumeClaim": _claim,
    "PersistentVolume": _volume,
    "StorageClass": _storage_class,
    "ResourceQuota": _quota,
    "ConfigMap": _data,
    "Secret": _data,
    "HorizontalPodAutoscaler": _autoscaler,
}
