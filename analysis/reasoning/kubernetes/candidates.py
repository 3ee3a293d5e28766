"""From objects of the cluster to the component ids that may be ranked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from analysis.reasoning.kubernetes.kinds import CLUSTER_WIDE, WORKLOADS, kind_of
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing, template_labels

_LABELS = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/component", "component",
           "service", "name")  # fmt: skip
_SUFFIX = re.compile(r"(?:-[a-z0-9]{5,10}-[a-z0-9]{5}|-\d+)$")
_APPLICATIONS = (*WORKLOADS, "Pod", "Service", "Component")


@dataclass(frozen=True)
class _Id:
    """A candidate taken apart: `kind` and `namespace` are empty where it names none."""

    text: str
    kind: str
    namespace: str
    name: str


def _taken_apart(text: str) -> _Id:
    """`web`, `shop/web`, `deployment/web`, `Deployment:web`, `shop/deployment/web`."""
    parts = [p for p in re.split(r"[/:|]", text) if p]
    kind, space = "", ""
    for part in parts[:-1]:
        if found := kind_of(part):
            kind = found
        elif part.lower() not in {"app", "service", "component", "workload"}:
            space = part
    return _Id(text, kind, space, parts[-1] if parts else text)


@dataclass(frozen=True)
class Candidates:
    """Ids are matched by kind and name, then by name, then by label: never by likeness."""

    ids: Sequence[str]
    snap: Snapshot

    @cached_property
    def _known(self) -> list[_Id]:
        return [_taken_apart(text) for text in self.ids]

    def along(self, chain: Sequence[Ref]) -> list[str]:
        """Candidates a chain of objects meets, in its order. Without candidates, its objects.

        A name that a namespace and a workload both bear counts once, for what comes first.
        """
        if not self.ids:
            return list(dict.fromkeys(r.name for r in chain if r.name))[:3]
        found: list[str] = []
        for ref in chain:
            for one in self._of(ref):
                if one not in found:
                    found.append(one)
        return found

    def _of(self, ref: Ref) -> list[str]:
        exact = [c for c in self._known if c.kind == ref.kind and self._is(c, ref)]
        bare = [c for c in self._known if not c.kind and self._is(c, ref)]
        if exact or (bare and self._may_be_bare(ref)):
            return [c.text for c in (*exact, *bare)]
        if ref.kind not in _APPLICATIONS:
            return []
        other = [c for c in self._known if c.kind in _APPLICATIONS and self._is(c, ref)]
        if other:
            return [c.text for c in other]
        names = self._labelled(ref)
        return [c.text for c in self._known if c.name in names and c.kind in {"", *_APPLICATIONS}]

    def _is(self, one: _Id, ref: Ref) -> bool:
        same_space = not one.namespace or not ref.namespace or one.namespace == ref.namespace
        return one.name == ref.name and same_space

    @staticmethod
    def _may_be_bare(ref: Ref) -> bool:
        """A ConfigMap or a Role may bear the name of a workload: only who is at fault counts."""
        return ref.kind in {*_APPLICATIONS, *CLUSTER_WIDE, "Ingress", "NetworkPolicy",
                            "ResourceQuota", "PersistentVolumeClaim", "Unit"}  # fmt: skip

    def _labelled(self, ref: Ref) -> set[str]:
        thing = self.snap.find(ref.kind, ref.name, ref.namespace)
        labels = _all_labels(thing) if thing else {}
        found = {labels[key] for key in _LABELS if key in labels}
        plain = _SUFFIX.sub("", ref.name)
        return found | ({plain} if plain != ref.name and ref.kind == "Pod" else set())


def _all_labels(thing: Thing) -> dict[str, str]:
    return {**thing.labels, **template_labels(thing)}
