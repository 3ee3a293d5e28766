"""The lists of a kube-apiserver over real HTTP: paging, errors and objects as it writes them."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from werkzeug import Request, Response

_LISTS = {
    "events": ("v1", "EventList"),
    "pods": ("v1", "PodList"),
    "nodes": ("v1", "NodeList"),
    "deployments": ("apps/v1", "DeploymentList"),
    "statefulsets": ("apps/v1", "StatefulSetList"),
    "daemonsets": ("apps/v1", "DaemonSetList"),
    "replicasets": ("apps/v1", "ReplicaSetList"),
    "services": ("v1", "ServiceList"),
    "endpoints": ("v1", "EndpointsList"),
    "resourcequotas": ("v1", "ResourceQuotaList"),
    "limitranges": ("v1", "LimitRangeList"),
    "persistentvolumeclaims": ("v1", "PersistentVolumeClaimList"),
    "persistentvolumes": ("v1", "PersistentVolumeList"),
    "serviceaccounts": ("v1", "ServiceAccountList"),
    "storageclasses": ("storage.k8s.io/v1", "StorageClassList"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicyList"),
    "ingresses": ("networking.k8s.io/v1", "IngressList"),
    "horizontalpodautoscalers": ("autoscaling/v2", "HorizontalPodAutoscalerList"),
    "poddisruptionbudgets": ("policy/v1", "PodDisruptionBudgetList"),
    "jobs": ("batch/v1", "JobList"),
    "cronjobs": ("batch/v1", "CronJobList"),
}


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status(code: int, reason: str, message: str, **details: str) -> Response:
    body: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    if details:
        body["details"] = details
    return Response(json.dumps(body), status=code, content_type="application/json")


def meta(name: str, at: float, *, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": "236",
        "creationTimestamp": stamp(at),
        **more,
    }


def owned_by(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "uid": f"uid-{name}", "controller": True}]


def deployment(name: str, at: float, *, image: str, replicas: int = 2) -> dict[str, Any]:
    return {
        "metadata": meta(name, at),
        "spec": {"replicas": replicas, "template": template(image)},
        "status": {
            "replicas": replicas,
            "readyReplicas": replicas,
            "conditions": [{"type": "Available", "status": "True", "reason": "Minimum"}],
        },
    }


def template(image: str, **annotations: str) -> dict[str, Any]:
    found: dict[str, Any] = {"labels": {}}
    if annotations:
        found["annotations"] = annotations
    return {"metadata": found, "spec": {"containers": [{"name": "app", "image": image}]}}


def replica_set(
    of: str,
    hash_: str,
    at: float,
    *,
    image: str,
    revision: int,
    restarted: str = "",
    cause: str = "",
) -> dict[str, Any]:
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    if cause:
        annotations["kubernetes.io/change-cause"] = cause
    restart = {"kubectl.kubernetes.io/restartedAt": restarted} if restarted else {}
    labels = {"pod-template-hash": hash_}
    owners = owned_by("Deployment", of)
    return {
        "metadata": meta(
            f"{of}-{hash_}", at, labels=labels, annotations=annotations, ownerReferences=owners
        ),
        "spec": {"replicas": 1, "template": template(image, **restart)},
        "status": {"replicas": 1, "readyReplicas": 1},
    }


def pod(of: str, hash_: str, tail: str, at: float, **status_: Any) -> dict[str, Any]:
    return {
        "metadata": meta(
            f"{of}-{hash_}-{tail}",
            at,
            labels={"pod-template-hash": hash_},
            ownerReferences=owned_by("ReplicaSet", f"{of}-{hash_}"),
        ),
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "x:1"}]},
        "status": {"phase": "Running", **status_},
    }


def node(name: str, at: float, **conditions: str) -> dict[str, Any]:
    found = meta(name, at)
    del found["namespace"]
    states = [{"type": kind, "status": value} for kind, value in conditions.items()]
    return {"metadata": found, "spec": {}, "status": {"conditions": states}}


def event(
    kind: str,
    name: str,
    at: float,
    *,
    reason: str,
    message: str,
    type_: str = "Normal",
    count: int = 1,
) -> dict[str, Any]:
    return {
        "metadata": meta(f"{name}.{int(at)}.{reason}", at),
        "involvedObject": {"kind": kind, "namespace": "shop", "name": name, "apiVersion": "v1"},
        "reason": reason,
        "message": message,
        "source": {"component": "controller", "host": "n1"},
        "firstTimestamp": stamp(at),
        "lastTimestamp": stamp(at),
        "count": count,
        "type": type_,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    }


@dataclass
class FakeKubernetes:
    """`objects["pods"]` and so on. Only lists are answered: whoever asks for more is refused."""

    objects: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    token: str = ""
    forbidden: set[str] = field(default_factory=set)
    expire: int = 0  # how many continued pages are refused as gone
    paths: list[str] = field(default_factory=list)

    def put(self, kind: str, *items: Mapping[str, Any]) -> None:
        self.objects.setdefault(kind, []).extend(items)

    def answer(self, request: Request) -> Response:
        self.paths.append(request.full_path)
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return status(401, "Unauthorized", "Unauthorized")
        if request.method != "GET":
            return status(405, "MethodNotAllowed", "the server does not allow this method")
        head, _, kind = request.path.rpartition("/")
        version, list_kind = _LISTS.get(kind, ("", ""))
        namespace = head.partition("/namespaces/")[2]
        if not list_kind or f"/{version}" not in head:
            return status(404, "NotFound", "the server could not find the requested resource")
        if kind in self.forbidden:
            text = (
                f'{kind} is forbidden: User "airra" cannot list resource "{kind}" in API group ""'
            )
            return status(403, "Forbidden", text, kind=kind)
        return self._page(request, version, list_kind, self._of(kind, namespace))

    def _of(self, kind: str, namespace: str) -> list[Mapping[str, Any]]:
        return [
            item
            for item in self.objects.get(kind, [])
            if namespace in {"", item["metadata"].get("namespace")}
        ]

    def _page(
        self, request: Request, version: str, list_kind: str, items: list[Mapping[str, Any]]
    ) -> Response:
        token = request.args.get("continue", "")
        start = int(base64.b64decode(token)) if token else 0
        if token and self.expire:
            self.expire -= 1
            text = "The provided continue parameter is too old to display a consistent list result."
            return status(410, "Expired", text)
        end = start + int(request.args["limit"])
        about: dict[str, Any] = {"resourceVersion": "236"}
        if end < len(items):
            about["continue"] = base64.b64encode(str(end).encode()).decode()
            about["remainingItemCount"] = len(items) - end
        body = {"kind": list_kind, "apiVersion": version, "metadata": about}
        return Response(
            json.dumps({**body, "items": items[start:end]}), content_type="application/json"
        )
