"""Pods and pod templates, from what `kubectl describe` prints, in the shape of the API."""

import re
from collections.abc import Mapping
from typing import Any

from analysis.reasoning.kubernetes.outline import Entry

_PROBES = {"Liveness": "livenessProbe", "Readiness": "readinessProbe", "Startup": "startupProbe"}
_TIMES = {
    "delay": "initialDelaySeconds",
    "timeout": "timeoutSeconds",
    "period": "periodSeconds",
    "#failure": "failureThreshold",
}
_REFERENCE = re.compile(r"<set to the key '([^']*)' (in secret|of config map) '([^']*)'>")
_TOLERATION = re.compile(
    r"^(?P<key>[^=:\s]*)(?:=(?P<value>[^:\s]*))?(?::(?P<effect>\w+))?(?P<op>.*)$"
)


def pod(entry: Entry) -> dict[str, Any]:
    node = entry.text("Node").split("/")[0]
    spec = pod_spec(entry)
    if node:
        spec["nodeName"] = node
    statuses = [_status(c) for c in _containers(entry, "Containers")]
    first = [_status(c) for c in _containers(entry, "Init Containers")]
    status: dict[str, Any] = {
        "phase": entry.text("Status").split(" ")[0],
        "reason": entry.text("Reason"),
        "message": entry.text("Message"),
        "containerStatuses": statuses,
        "initContainerStatuses": first,
        "conditions": conditions(entry),
    }
    return {"spec": spec, "status": {k: v for k, v in status.items() if v}}


def pod_spec(entry: Entry) -> dict[str, Any]:
    """What a pod and the `Pod Template` of a workload have in common."""
    spec: dict[str, Any] = {
        "containers": [_container(c) for c in _containers(entry, "Containers")],
        "initContainers": [_container(c) for c in _containers(entry, "Init Containers")],
        "volumes": _volumes(entry),
        "nodeSelector": entry.pairs("Node-Selectors"),
        "tolerations": [_toleration(line) for line in entry.values("Tolerations")],
        "serviceAccountName": entry.text("Service Account"),
    }
    return {k: v for k, v in spec.items() if v}


def conditions(entry: Entry) -> list[dict[str, Any]]:
    """Rows of `Conditions:`; nodes and workloads print reason and message as well."""
    block = entry.child("Conditions")
    if block is None:
        return []
    lines = [line.strip() for line in block.raw]
    is_wide = any("LastHeartbeatTime" in line for line in lines[:1])
    found = []
    for line in lines:
        cells = re.split(r"\s{2,}|\t", line)
        if len(cells) < 2 or cells[0] in {"Type", "----"}:
            continue
        made = {"type": cells[0], "status": cells[1]}
        rest = cells[4:] if is_wide else cells[2:]
        made |= dict(zip(("reason", "message"), rest, strict=False))
        found.append(made)
    return found


def _containers(entry: Entry, name: str) -> list[Entry]:
    block = entry.child(name)
    return block.children if block else []


def _container(entry: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": entry.key,
        "image": entry.text("Image"),
        "ports": [*_ports(entry.text("Port")), *_ports(entry.text("Ports"))],
        "command": entry.values("Command"),
        "args": entry.values("Args"),
        "resources": {
            "limits": entry.pairs("Limits", mark=":"),
            "requests": entry.pairs("Requests", mark=":"),
        },
        "env": _environment(entry),
        "envFrom": _environment_from(entry),
        "volumeMounts": [_mount(line) for line in entry.values("Mounts")],
    }
    for word, key in _PROBES.items():
        if entry.text(word):
            made[key] = _probe(entry.text(word))
    return {k: v for k, v in made.items() if v}


def _ports(text: str) -> list[dict[str, Any]]:
    found = []
    for part in text.split(","):
        port, _, protocol = part.strip().partition("/")
        number = port.split(" ")[0]
        if number.isdigit() and int(number):
            found.append(
                {"containerPort": int(number), "protocol": protocol.split(" ")[0] or "TCP"}
            )
    return found


def _probe(text: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for word, key in _TIMES.items():
        if found := re.search(rf"{word}=(\d+)", text):
            made[key] = int(found[1])
    kind, _, rest = text.partition(" ")
    target = rest.split(" ")[0]
    port = (re.findall(r":([\w-]+)", target) or [""])[-1]
    where: str | int = int(port) if port.isdigit() else port
    if kind == "http-get":
        scheme, _, tail = target.partition("://")
        path = "/" + tail.partition("/")[2]
        port = (re.findall(r":([\w-]+)(?:/|$)", tail) or [""])[0]
        where = int(port) if port.isdigit() else port
        made["httpGet"] = {"path": path, "port": where, "scheme": scheme.upper()}
    elif kind == "tcp-socket":
        made["tcpSocket"] = {"port": where}
    elif kind == "grpc":
        made["grpc"] = {"port": where}
    elif kind == "exec":
        made["exec"] = {"command": [rest.partition("]")[0].strip("[")]}
    return made


def _environment(entry: Entry) -> list[dict[str, Any]]:
    block = entry.child("Environment")
    found: list[dict[str, Any]] = []
    for line in block.children if block else []:
        refers = _REFERENCE.search(line.value)
        if refers is None:
            found.append({"name": line.key, "value": line.value})
            continue
        kind = "secretKeyRef" if refers[2] == "in secret" else "configMapKeyRef"
        to: dict[str, Any] = {"key": refers[1], "name": refers[3]}
        if "Optional: true" in " ".join(line.value.split()):
            to["optional"] = True
        found.append({"name": line.key, "valueFrom": {kind: to}})
    return found


def _environment_from(entry: Entry) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in entry.values("Environment Variables from"):
        cells = line.split()
        if len(cells) >= 2:
            kind = "secretRef" if cells[1] == "Secret" else "configMapRef"
            is_optional = cells[-1] == "true"
            found.append({kind: {"name": cells[0], "optional": is_optional}})
    return found


def _mount(line: str) -> dict[str, Any]:
    path, _, rest = line.partition(" from ")
    return {
        "mountPath": path,
        "name": rest.split(" ")[0],
        "readOnly": "(ro" in rest,
    }


def _volumes(entry: Entry) -> list[dict[str, Any]]:
    block = entry.child("Volumes")
    found: list[dict[str, Any]] = []
    for volume in block.children if block else []:
        kind = volume.text("Type").split(" ")[0]
        made: dict[str, Any] = {"name": volume.key}
        is_optional = volume.text("Optional") == "true"
        if kind == "PersistentVolumeClaim":
            made["persistentVolumeClaim"] = {"claimName": volume.text("ClaimName")}
        elif kind == "ConfigMap":
            made["configMap"] = {"name": volume.text("Name"), "optional": is_optional}
        elif kind == "Secret":
            made["secret"] = {"secretName": volume.text("SecretName"), "optional": is_optional}
        elif kind == "HostPath":
            made["hostPath"] = {"path": volume.text("Path"), "type": volume.text("HostPathType")}
        found.append(made)
    return found


def _toleration(line: str) -> dict[str, Any]:
    found = _TOLERATION.match(line)
    if found is None:
        return {}
    exists = "Exists" in found["op"] or found["value"] is None
    made = {"key": found["key"], "operator": "Exists" if exists else "Equal"}
    if not exists:
        made["value"] = found["value"]
    if found["effect"]:
        made["effect"] = found["effect"]
    return made


def _state(entry: Entry | None) -> dict[str, Any]:
    if entry is None or not entry.value:
        return {}
    made: dict[str, Any] = {}
    for word, key in (("Reason", "reason"), ("Message", "message"), ("Signal", "signal")):
        if entry.text(word):
            made[key] = entry.text(word)
    if entry.text("Exit Code").lstrip("-").isdigit():
        made["exitCode"] = int(entry.text("Exit Code"))
    return {entry.value.split(" ")[0].lower(): made}


def _status(entry: Entry) -> Mapping[str, Any]:
    restarts = entry.text("Restart Count")
    made: dict[str, Any] = {
        "name": entry.key,
        "image": entry.text("Image"),
        "state": _state(entry.child("State")),
        "lastState": _state(entry.child("Last State")),
        "ready": entry.text("Ready") == "True",
        "restartCount": int(restarts) if restarts.isdigit() else 0,
    }
    return made
