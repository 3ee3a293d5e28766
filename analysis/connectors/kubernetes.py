"""Kubernetes, read only: changes, and what the cluster holds and has noted.

The URL is the API server's; `https://host:6443/namespaces/shop` reads one namespace only, for
which a Role that may list is enough. Only lists are read, never of Secrets or ConfigMaps.
"""

from collections.abc import Iterator
from typing import Any

from airra.lib.http import HttpClient, HttpError
from analysis.connectors.base import (
    ConnectorError,
    Problem,
    Source,
    as_object,
    plain,
    refuse_too_many,
)
from analysis.connectors.kubechanges import crashes, noted, rollouts, scalings
from analysis.connectors.kubeobjects import (
    Json,
    event,
    items,
    name_of,
    namespace_of,
    node,
    part,
    pod,
    service_of,
    workload,
)
from analysis.types import Change, Inventory, PlatformEvent, PlatformObject

_PAGE = 500
_MAX_OBJECTS = 20_000
_MARK = "/namespaces/"
_WORKLOADS = {
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
}
_REPLICA_SETS = "/apis/apps/v1/replicasets"
_PODS = "/api/v1/pods"
_EVENTS = "/api/v1/events"
_NODES = "/api/v1/nodes"
# Read for a closer look where the account may; never Secrets and ConfigMaps, whose values would
# come with their names.
_CLOSER = {
    "Service": "/api/v1/services",
    "Endpoints": "/api/v1/endpoints",
    "ResourceQuota": "/api/v1/resourcequotas",
    "LimitRange": "/api/v1/limitranges",
    "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
    "ServiceAccount": "/api/v1/serviceaccounts",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
    "Ingress": "/apis/networking.k8s.io/v1/ingresses",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "PodDisruptionBudget": "/apis/policy/v1/poddisruptionbudgets",
    "Job": "/apis/batch/v1/jobs",
    "CronJob": "/apis/batch/v1/cronjobs",
}
_CLOSER_OF_CLUSTER = {
    "PersistentVolume": "/api/v1/persistentvolumes",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
}


class Kubernetes(Source):
    title = "Kubernetes"
    max_objects = _MAX_OBJECTS

    def __init__(self, url: str, **options: Any) -> None:
        base, _, self._namespace = url.rstrip("/").partition(_MARK)
        super().__init__(base, **options)

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        with self._reading() as http:
            deployments = self._all(http, _WORKLOADS["Deployment"])
            noted_now = self._all(http, _EVENTS)
        where = f"namespace {self._namespace}" if self._namespace else "the cluster"
        return (
            f"Kubernetes answers: {len(deployments)} deployments, {len(noted_now)} events in "
            + (where)
        )

    def changes(self, *, start: float, end: float) -> list[Change]:
        """Changes with `at` in [start, end] (Unix seconds), oldest first."""
        with self._reading() as http:
            replica_sets = self._all(http, _REPLICA_SETS)
            pods = self._all(http, _PODS)
            happened = self._events(http, {"ReplicaSet": replica_sets, "Pod": pods})
        found = [
            *rollouts(replica_sets),
            *crashes(pods),
            *noted(happened),
            *scalings(happened, replica_sets),
        ]
        return sorted((c for c in found if start <= c.at <= end), key=lambda c: c.at)

    def events(self, *, start: float, end: float) -> list[PlatformEvent]:
        """Events last seen in [start, end] (Unix seconds), oldest first. Kept for an hour."""
        with self._reading() as http:
            happened = self._events(http, {"Pod": self._all(http, _PODS)})
        return sorted((e for e in happened if start <= e.at <= end), key=lambda e: e.at)

    def inventory(self) -> Inventory:
        """Everything the rules read, at one moment. Kinds it may not list are named, not raised."""
        needed = {**_WORKLOADS, "ReplicaSet": _REPLICA_SETS, "Pod": _PODS}
        closer = dict(_CLOSER)
        if not self._namespace:
            needed["Node"] = _NODES
            closer |= _CLOSER_OF_CLUSTER
        refused: list[str] = []
        with self._reading() as http:
            found = {kind: self._all(http, path) for kind, path in needed.items()}
            for kind, path in closer.items():
                try:
                    found[kind] = self._all(http, path)
                except HttpError as error:
                    if error.status not in {403, 404}:
                        raise
                    refused.append(kind)
            noted_now = self._all(http, _EVENTS)
        return Inventory(
            objects=[one for kind, items_ in found.items() for one in _objects(kind, items_)],
            items=[{"kind": kind, **item} for kind, items_ in found.items() for item in items_],
            events=noted_now,
            listed=frozenset(found),
            refused=tuple(refused),
        )

    def _events(self, http: HttpClient, known: dict[str, list[Json]]) -> list[PlatformEvent]:
        known = {**known, "Deployment": self._all(http, _WORKLOADS["Deployment"])}
        names = {
            (kind, namespace_of(item), name_of(item)): service_of(item)
            for kind, found in known.items()
            for item in found
        }
        return [event(item, names) for item in self._all(http, _EVENTS)]

    def _all(self, http: HttpClient, path: str) -> list[Json]:
        """Every item of a list. A list that expired between two pages is read again, once."""
        if self._namespace:
            head, _, kind = path.rpartition("/")
            path = f"{head}{_MARK}{self._namespace}/{kind}"
        try:
            return list(self._pages(http, path))
        except HttpError as error:
            if error.status != 410:
                raise
        try:
            return list(self._pages(http, path))
        except HttpError as error:
            if error.status != 410:
                raise
            msg = f"{path} changed faster than it could be read: narrow it by a namespace"
            raise ConnectorError(Problem.UNAVAILABLE, msg) from error

    def _pages(self, http: HttpClient, path: str) -> Iterator[Json]:
        token, count = "", 0
        while True:
            params: dict[str, str | int] = {"limit": _PAGE}
            if token:
                params["continue"] = token
            body = as_object(http.get_json(path, params=params), "the answer")
            page = items(body, "items")
            count += len(page)
            refuse_too_many("objects", count, self.max_objects, "a namespace")
            yield from page
            token = plain(part(body, "metadata").get("continue"), 4000)
            if not token:
                return


def _objects(kind: str, found: list[Json]) -> list[PlatformObject]:
    """As far as a kind has a state of its own that says how it fares."""
    if kind in _WORKLOADS:
        return [workload(kind, item) for item in found]
    return [node(i) if kind == "Node" else pod(i) for i in found] if kind in {"Pod", "Node"} else []
