"""A cluster at one moment, as rules read it: objects, events, units of nodes, checks and logs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from analysis.reasoning.kubernetes.kinds import CLUSTER_WIDE

Json = Mapping[str, Any]

# What controllers append to the name of what they make: hash and pod suffix use no vowels.
_OF_DEPLOYMENT = re.compile(r"-[a-z0-9]{5,10}-[a-z0-9]{5}$")
_OF_SET = re.compile(r"-(?:[bcdfghjklmnpqrstvwxz2456789]{5}|[a-z0-9]{5}|\d+)$")
_AUTHOR = re.compile(r"\[?(?:service|pod|app|component|name)=([^\s\]]+)|\[([\w./-]+)\]")
_HASH = re.compile(r"-[a-z0-9]{5,10}$")


@dataclass(frozen=True)
class Ref:
    """Which object. The namespace is empty where it is not known or has none."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Thing:
    """An object in the shape of the API, as complete as the sources tell it."""

    ref: Ref
    body: Json

    @property
    def name(self) -> str:
        return self.ref.name

    @property
    def namespace(self) -> str:
        return self.ref.namespace

    def part(self, *path: str) -> Json:
        """The mapping at this path; empty where it is left out."""
        found: Any = self.body
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def items(self, *path: str) -> list[Json]:
        found = self.part(*path[:-1]).get(path[-1])
        is_list = isinstance(found, Sequence) and not isinstance(found, str)
        return [i for i in found if isinstance(i, Mapping)] if is_list and found else []

    def text(self, *path: str) -> str:
        found = self.part(*path[:-1]).get(path[-1])
        return "" if found is None else str(found)

    def number(self, *path: str) -> int | None:
        text = self.text(*path)
        return int(text) if text.lstrip("-").isdigit() else None

    @property
    def labels(self) -> dict[str, str]:
        return texts(self.part("metadata", "labels"))

    @property
    def owners(self) -> list[Ref]:
        return [
            Ref(str(o.get("kind")), str(o.get("name")), self.namespace)
            for o in self.items("metadata", "ownerReferences")
        ]


def texts(value: Json) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()}


@dataclass(frozen=True)
class Event:
    ref: Ref
    type: str
    reason: str
    message: str
    age_s: float | None = None
    count: int = 1

    @property
    def line(self) -> str:
        return f"{self.type} {self.reason} {self.ref}: {self.message}"


@dataclass(frozen=True)
class Unit:
    """A service of a node's operating system, such as kubelet, as systemd reports it."""

    node: str
    name: str
    is_active: bool
    line: str


@dataclass(frozen=True)
class Line:
    """A line of a log or of a connectivity check; `about` is the key it was filed under."""

    about: str
    text: str


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Compared by identity, so that what is computed of one may be kept beside it."""

    things: Sequence[Thing] = ()
    events: Sequence[Event] = ()
    units: Sequence[Unit] = ()
    checks: Sequence[Line] = ()
    logs: Sequence[Line] = ()
    listed: frozenset[str] = field(default_factory=frozenset)  # kinds known in full

    @cached_property
    def _by_kind(self) -> dict[str, list[Thing]]:
        found: dict[str, list[Thing]] = {}
        for thing in self.things:
            found.setdefault(thing.ref.kind, []).append(thing)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], list[Thing]]:
        found: dict[tuple[str, str], list[Thing]] = {}
        for thing in self.things:
            found.setdefault((thing.ref.kind, thing.name), []).append(thing)
        return found

    @cached_property
    def _events(self) -> dict[tuple[str, str], list[Event]]:
        found: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            found.setdefault((event.ref.kind, event.ref.name), []).append(event)
        return found

    def of(self, *kinds: str) -> list[Thing]:
        return [thing for kind in kinds for thing in self._by_kind.get(kind, [])]

    def is_listed(self, kind: str) -> bool:
        """Whether every object of this kind is known, so that absence is a fact."""
        return kind in self.listed

    def find(self, kind: str, name: str, namespace: str = "") -> Thing | None:
        """By kind and name; the namespace decides only where both sides know theirs."""
        found = self._by_name.get((kind, name), [])
        if kind in CLUSTER_WIDE or not namespace:
            return found[0] if found else None
        return next((t for t in found if t.namespace in {namespace, ""}), None)

    def is_absent(self, kind: str, name: str, namespace: str = "") -> bool:
        return self.is_listed(kind) and self.find(kind, name, namespace) is None

    def events_of(self, thing: Thing, *reasons: str) -> list[Event]:
        """Events about exactly this object, of these reasons or of any."""
        return [
            e
            for e in self._events.get((thing.ref.kind, thing.name), [])
            if (not reasons or e.reason in reasons)
            and (not e.ref.namespace or not thing.namespace or e.ref.namespace == thing.namespace)
        ]

    @cached_property
    def _events_of_sets(self) -> dict[str, list[Event]]:
        """Events of ReplicaSets by the name of what made them, whether they are listed or not."""
        found: dict[str, list[Event]] = {}
        for event in self.events:
            if event.ref.kind == "ReplicaSet":
                found.setdefault(_HASH.sub("", event.ref.name), []).append(event)
        return found

    def events_below(self, workload: Thing, *reasons: str) -> list[Event]:
        """Events about a workload and the ReplicaSets it made."""
        found = self.events_of(workload, *reasons)
        below = self._events_of_sets.get(workload.name, [])
        spaces = {"", workload.namespace}
        return found + [
            e
            for e in (below if workload.ref.kind == "Deployment" else ())
            if e.reason in reasons and (not workload.namespace or e.ref.namespace in spaces)
        ]

    @cached_property
    def logs_by_author(self) -> dict[str, list[str]]:
        """Lines by who wrote them: where they were filed, or what flat lines begin with."""
        found: dict[str, list[str]] = {}
        for line in self.logs:
            head = _AUTHOR.match(line.text)
            said = (head[1] or head[2]) if head else ""
            about = f"{line.about}/{said}" if said else line.about
            found.setdefault(about, []).append(line.text)
        return found

    # --- who belongs to whom -------------------------------------------------------------------
    @cached_property
    def workload_names(self) -> dict[Ref, Thing]:
        """Each pod's workload: by owner references, else by the suffixes controllers append."""
        return {p.ref: w for p in self.of("Pod") if (w := self._workload(p)) is not None}

    def workload_of(self, pod: Thing) -> Thing | None:
        return self.workload_names.get(pod.ref)

    def _workload(self, pod: Thing) -> Thing | None:
        for owner in pod.owners:
            found = self._above(owner, pod)
            if found is not None:
                return found
        of_sets = ((kind, _OF_SET) for kind in ("StatefulSet", "DaemonSet", "Job", "ReplicaSet"))
        for kind, suffix in (("Deployment", _OF_DEPLOYMENT), *of_sets):
            name = suffix.sub("", pod.name)
            if name != pod.name and (found := self.find(kind, name, pod.namespace)):
                return found
        return None

    def _above(self, owner: Ref, pod: Thing) -> Thing | None:
        if owner.kind != "ReplicaSet":
            return self.find(owner.kind, owner.name, pod.namespace)
        set_ = self.find("ReplicaSet", owner.name, pod.namespace)
        over = set_.owners[0].name if set_ and set_.owners else _HASH.sub("", owner.name)
        return self.find("Deployment", over, pod.namespace) or set_

    @cached_property
    def _pods_by_workload(self) -> dict[Ref, list[Thing]]:
        found: dict[Ref, list[Thing]] = {}
        for pod in self.of("Pod"):
            if workload := self.workload_of(pod):
                found.setdefault(workload.ref, []).append(pod)
        return found

    def pods_of(self, workload: Thing) -> list[Thing]:
        return self._pods_by_workload.get(workload.ref, [])

    @cached_property
    def _sets_by_owner(self) -> dict[str, list[Thing]]:
        found: dict[str, list[Thing]] = {}
        for set_ in self.of("ReplicaSet"):
            for name in {o.name for o in set_.owners} or {_HASH.sub("", set_.name)}:
                found.setdefault(name, []).append(set_)
        return found

    def replica_sets_of(self, workload: Thing) -> Iterator[Thing]:
        for set_ in self._sets_by_owner.get(workload.name, []):
            if set_.namespace in {workload.namespace, ""}:
                yield set_

    @cached_property
    def _services_by_label(self) -> dict[tuple[str, str], list[Thing]]:
        """Services by the first label of their selector: who meets it has that label."""
        found: dict[tuple[str, str], list[Thing]] = {}
        for service in self.of("Service"):
            first = next(iter(selector(service).items()), None)
            if first:
                found.setdefault(first, []).append(service)
        return found

    def services_of(self, workload: Thing) -> list[Thing]:
        """Services whose selector the pods of this workload meet."""
        labels = template_labels(workload)
        return [
            s
            for label in labels.items()
            for s in self._services_by_label.get(label, [])
            if s.namespace == workload.namespace and selects(selector(s), labels)
        ]

    def addresses(self, service: Thing) -> int | None:
        """Ready addresses behind a service; None where nothing tells."""
        endpoints = self.find("Endpoints", service.name, service.namespace)
        if endpoints is not None and "subsets" in endpoints.body:
            return sum(len(s.get("addresses") or ()) for s in endpoints.items("subsets"))
        slices = [s for s in self.of("EndpointSlice") if _slice_of(s, service)]
        if slices:
            return sum(len(e.get("addresses") or ()) for s in slices for e in _ready(s))
        return None


def _slice_of(slice_: Thing, service: Thing) -> bool:
    named = slice_.labels.get("kubernetes.io/service-name")
    name = named or _HASH.sub("", slice_.name)
    return name == service.name and slice_.namespace in {service.namespace, ""}


def _ready(slice_: Thing) -> list[Json]:
    return [
        e
        for e in slice_.items("endpoints")
        if not isinstance(e.get("conditions"), Mapping) or e["conditions"].get("ready") is not False
    ]


def selector(service: Thing) -> dict[str, str]:
    return texts(service.part("spec", "selector"))


def template_labels(workload: Thing) -> dict[str, str]:
    """Labels its pods get: of a pod, its own."""
    if workload.ref.kind == "Pod":
        return workload.labels
    found = texts(workload.part("spec", "template", "metadata", "labels"))
    return found or texts(workload.part("spec", "selector", "matchLabels"))


def selects(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(wanted) and all(labels.get(k) == v for k, v in wanted.items())
