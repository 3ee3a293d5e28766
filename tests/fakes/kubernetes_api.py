"""A kube-apiserver for acting, over real HTTP: what the executor uses, as the real one answers it.

Objects are plain JSON. It implements GET, lists with label selectors, JSON merge patch and the
maps of strategic merge patch, `dryRun`, `fieldValidation=Strict` for the fields it knows, the
conflict of a stale resourceVersion, RBAC by token, validation, the scale subresource, and
TokenRequest. `kubernetes_controllers.py` plays the controllers that react to a change.
"""

import json
import threading
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]
ADMIN = "an-admin-token"
VIEWER = "a-viewer-token"  # may read everything and change nothing
_GROUPS = {
    "deployments": "apps",
    "statefulsets": "apps",
    "daemonsets": "apps",
    "replicasets": "apps",
    "horizontalpodautoscalers": "autoscaling",
    "poddisruptionbudgets": "policy",
}
_KINDS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "nodes": "Node",
    "pods": "Pod",
}
_SPEC_FIELDS = {
    "deployments": {
        *("replicas", "selector", "template", "strategy", "paused", "minReadySeconds"),
        *("revisionHistoryLimit", "progressDeadlineSeconds"),
    },
    "nodes": {"unschedulable", "taints", "podCIDR", "podCIDRs", "providerID"},
}
_MERGES = {"application/merge-patch+json", "application/strategic-merge-patch+json"}


class Refusal(Exception):
    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        body: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": message, "reason": reason}
        if details:
            body["details"] = details
        self.body = {**body, "code": code}
        self.code = code


class KubernetesServer:
    """`with KubernetesServer() as cluster:` serves `cluster.url`; see `put` and `store`."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}  # resource, namespace, name
        self.tokens: dict[str, set[tuple[str, str]]] = {
            ADMIN: {("*", "*")},
            VIEWER: {("get", "*"), ("list", "*")},
        }
        self.accounts: dict[str, set[tuple[str, str]]] = {}  # what their tokens may; else all
        self.dies_at: dict[str, float] = {}  # of tokens that do
        self.token_life_s = 0.0  # 0: what was asked for
        self.after: Callable[[str, Json], None] = lambda resource, item: None
        self.version = 230
        self.requests: list[tuple[str, str, Json]] = []  # method, path with query, body
        self.lock = threading.RLock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def put(self, resource: str, item: Json) -> Json:
        """Create an object as the server keeps it."""
        about = item["metadata"]
        made = {
            "kind": _KINDS[resource],
            "apiVersion": f"{_GROUPS[resource]}/v1" if resource in _GROUPS else "v1",
            **item,
            "metadata": {
                "uid": f"uid-{resource}-{about['name']}",
                "creationTimestamp": stamp(),
                "managedFields": [],
                **({} if resource == "nodes" else {"generation": 1}),
                **about,
            },
        }
        return self.store(resource, made)

    def store(self, resource: str, item: Json) -> Json:
        """Keep this state of an object under a new resourceVersion, as every write does."""
        with self.lock:
            self.version += 1
            about = item["metadata"]
            about["resourceVersion"] = str(self.version)
            self.objects[resource, about.get("namespace", ""), about["name"]] = item
            return item

    def edit(self, resource: str, namespace: str, name: str, patch: Json, manager: str) -> Json:
        """Somebody else's merge patch."""
        return self._write(resource, namespace, name, patch, manager=manager, is_dry=False)

    def answer(self, method: str, path: str, headers: Json, body: bytes) -> tuple[int, Json]:
        given = json.loads(body) if body else {}
        self.requests.append((method, path, given))
        with self.lock:
            try:
                self._authenticate(headers)
                return self._route(method, path, headers, given)
            except Refusal as refusal:
                return refusal.code, refusal.body

    def _authenticate(self, headers: Json) -> None:
        token = _token_of(headers)
        if token not in self.tokens or time.time() > self.dies_at.get(token, float("inf")):
            raise Refusal(401, "Unauthorized", "Unauthorized")

    def _route(self, method: str, path: str, headers: Json, given: Json) -> tuple[int, Json]:
        url = urlsplit(path)
        token = _token_of(headers)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        namespace, resource, name, below = _place(url.path)
        if resource == "serviceaccounts" and below == "token":
            self._may(token, "create", "serviceaccounts/token", namespace, name)
            return 201, self._token(namespace, name, given)
        if resource not in _KINDS or below not in {"", "scale"}:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        if method not in {"GET", "PATCH"}:
            raise Refusal(405, "MethodNotAllowed", "the server does not allow this method")
        verb = "patch" if method == "PATCH" else "get" if name else "list"
        self._may(token, verb, f"{resource}/{below}" if below else resource, namespace, name)
        if method == "GET":
            item = self._one(resource, namespace, name) if name else None
            return 200, item or self._list(resource, namespace, asked.get("labelSelector", ""))
        if headers.get("content-type") not in _MERGES:
            message = "the body of the request was in an unknown format"
            raise Refusal(415, "UnsupportedMediaType", message)
        if asked.get("fieldValidation") == "Strict":
            _strict(resource, given)
        said: Json = {
            "manager": asked.get("fieldManager", "OpenAPI-Generator"),
            "is_dry": asked.get("dryRun") == "All",
        }
        write = self._scale if below else self._write
        return 200, write(resource, namespace, name, given, **said)

    def _may(self, token: str, verb: str, resource: str, namespace: str, name: str) -> None:
        allowed = self.tokens[token]
        if not allowed & {("*", "*"), (verb, "*"), (verb, resource)}:
            kind = resource.partition("/")[0]
            group = _GROUPS.get(kind, "")
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            one = f' "{name}"' if name else ""
            message = (
                f"{kind}{'.' + group if group else ''}{one} is forbidden: "
                f'User "airra" cannot {verb} resource "{resource}" in API group "{group}"{where}'
            )
            raise Refusal(403, "Forbidden", message, name=name, group=group, kind=kind)

    def _one(self, resource: str, namespace: str, name: str) -> Json:
        found = self.objects.get((resource, namespace, name))
        if found is None:
            group = _GROUPS.get(resource)
            called = f"{resource}.{group}" if group else resource
            more = {"group": group} if group else {}
            message = f'{called} "{name}" not found'
            raise Refusal(404, "NotFound", message, name=name, **more, kind=resource)
        return found

    def _list(self, resource: str, namespace: str, selector: str) -> Json:
        wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
        found = [
            item
            for (kind, where, _), item in self.objects.items()
            if kind == resource
            and namespace in {"", where}
            and wanted.items() <= item["metadata"].get("labels", {}).items()
        ]
        about = {"resourceVersion": str(self.version)}
        return {"kind": f"{_KINDS[resource]}List", "metadata": about, "items": found}

    def _write(
        self, resource: str, namespace: str, name: str, patch: Json, *, manager: str, is_dry: bool
    ) -> Json:
        old = self._one(resource, namespace, name)
        new = merged(old, patch)
        group = _GROUPS.get(resource)
        called = f"{resource}.{group}" if group else resource
        if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
            message = (
                f'Operation cannot be fulfilled on {called} "{name}": the object has been '
                "modified; please apply your changes to the latest version and try again"
            )
            more = {"group": group} if group else {}
            raise Refusal(409, "Conflict", message, name=name, **more, kind=resource)
        _valid(resource, name, new)
        new["status"] = deepcopy(old.get("status", {}))
        _remember(new, old, manager)
        # A Deployment counts changes of its annotations too, other workloads only their spec.
        counts = ("spec", "annotations") if resource == "deployments" else ("spec",)
        if "generation" in new["metadata"] and _parts(old, counts) != _parts(new, counts):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        if is_dry:
            return new
        stored = deepcopy(self.store(resource, new))
        self.after(resource, new)
        return stored

    def _scale(
        self, resource: str, namespace: str, name: str, given: Json, *, manager: str, is_dry: bool
    ) -> Json:
        wanted = given.get("spec", {})
        item = self._write(
            resource, namespace, name, {"spec": wanted}, manager=manager, is_dry=is_dry
        )
        kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        labels = item["spec"]["selector"]["matchLabels"]
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {field: item["metadata"][field] for field in kept},
            "spec": {"replicas": item["spec"]["replicas"]},
            "status": {
                "replicas": item["status"].get("replicas", 0),
                "selector": ",".join(f"{k}={v}" for k, v in labels.items()),
            },
        }

    def _token(self, namespace: str, name: str, given: Json) -> Json:
        seconds = given["spec"]["expirationSeconds"]
        if seconds < 600:
            message = "spec.expirationSeconds: may not specify a duration less than 10 minutes"
            raise Refusal(422, "Invalid", message)
        token = f"token-{len(self.tokens)}-of-{namespace}-{name}"
        self.tokens[token] = self.accounts.get(name, {("*", "*")})
        self.dies_at[token] = time.time() + (self.token_life_s or seconds)
        status = {"token": token, "expirationTimestamp": stamp(self.dies_at[token])}
        return {**given, "metadata": {"name": name, "namespace": namespace}, "status": status}


def _place(path: str) -> tuple[str, str, str, str]:
    """Namespace, resource, name and subresource."""
    parts = path.strip("/").split("/")[2 if path.startswith("/api/") else 3 :]
    namespace = ""
    if parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    resource, name, below = (*parts, "", "")[:3]
    return namespace, resource, name, below


def _token_of(headers: Json) -> str:
    return str(headers.get("authorization", "")).removeprefix("Bearer ")


def stamp(at: float | None = None) -> str:
    moment = datetime.now(UTC) if at is None else datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def merged(old: Json, patch: Json) -> Json:
    """RFC 7386."""
    new = deepcopy(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif isinstance(value, dict):
            there = new.get(name)
            new[name] = merged(there if isinstance(there, dict) else {}, value)
        else:
            new[name] = deepcopy(value)
    return new


def _parts(item: Json, names: tuple[str, ...]) -> list[Any]:
    return [item.get(name, item["metadata"].get(name)) for name in names]


def _strict(resource: str, given: Json) -> None:
    known = _SPEC_FIELDS.get(resource)
    for name in given.get("spec", {}):
        if known is not None and name not in known:
            message = f'strict decoding error: unknown field "spec.{name}"'
            raise Refusal(400, "BadRequest", message)


def _valid(resource: str, name: str, new: Json) -> None:
    replicas = new.get("spec", {}).get("replicas", 0)
    if replicas < 0:
        group, kind = _GROUPS[resource], _KINDS[resource]
        told = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = {"reason": "FieldValueInvalid", "message": told, "field": "spec.replicas"}
        message = f'{kind}.{group} "{name}" is invalid: spec.replicas: {told}'
        raise Refusal(422, "Invalid", message, name=name, group=group, kind=kind, causes=[cause])


def _remember(new: Json, old: Json, manager: str) -> None:
    """managedFields, for the top of the spec: who last set which field."""
    before, after = old.get("spec", {}), new.get("spec", {})
    changed = {n for n in {*before, *after} if before.get(n) != after.get(n)}
    if not changed:
        return
    kept = []
    for entry in new["metadata"].get("managedFields", []):
        fields = entry["fieldsV1"].get("f:spec", {})
        left = {name: value for name, value in fields.items() if name[2:] not in changed}
        if left or not fields:
            kept.append({**entry, "fieldsV1": {"f:spec": left} if left else entry["fieldsV1"]})
    mine: Json = {f"f:{name}": {} for name in changed if name in after}
    if mine:
        entry = {"manager": manager, "operation": "Update", "time": stamp()}
        kept.append({**entry, "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": mine}})
    new["metadata"]["managedFields"] = kept


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cluster: KubernetesServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.cluster = cluster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silent."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):  # every method alike
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, answer = self.server.cluster.answer(self.command, self.path, headers, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
