"""What changed in a cluster, from its objects and events. Pure.

Roll-outs come from ReplicaSets, which outlive the hour that events are kept; scalings, roll-backs,
evictions and the troubles of nodes from events; crashes from what pods say of their containers.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from analysis.connectors.base import plain
from analysis.connectors.kubeobjects import (
    Json,
    created,
    images_of,
    items,
    name_of,
    namespace_of,
    number,
    owner_of,
    part,
    seconds,
    service_of,
)
from analysis.types import Change, PlatformEvent

_REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_SCALED = re.compile(
    r"Scaled (?:up|down) replica set (?P<set>\S+)"
    r"(?: from (?P<from>\d+))? to (?P<to>\d+)(?: from (?P<before>\d+))?"
)
_ROLLOUT_S = 600.0
_NEW_S = 60.0
_KINDS = {
    "Evicted": "eviction",
    "EvictedByVPA": "eviction",
    "Preempted": "eviction",
    "TaintManagerEviction": "eviction",
    "OOMKilling": "crash",
    "SystemOOM": "crash",
    "NodeNotReady": "node",
    "NodeNotSchedulable": "node",
    "NodeHasDiskPressure": "node",
    "NodeHasInsufficientMemory": "node",
    "Rebooted": "node",
}


def rollouts(replica_sets: Iterable[Json]) -> Iterator[Change]:
    """One change for each revision of a Deployment, at the birth of its ReplicaSet."""
    owned: dict[tuple[str, str], list[Json]] = defaultdict(list)
    for item in replica_sets:
        kind, name = owner_of(item)
        if kind == "Deployment":
            owned[namespace_of(item), name].append(item)
    for revisions in owned.values():
        revisions.sort(key=_revision)
        yield _rollout(None, revisions[0])
        for older, newer in pairwise(revisions):
            yield _rollout(older, newer)


def _revision(replica_set: Json) -> int:
    text = plain(part(replica_set, "metadata", "annotations").get(_REVISION))
    return int(text) if text.isdecimal() else 0


def _rollout(older: Json | None, newer: Json) -> Change:
    before = images_of(older) if older else ()
    after = images_of(newer)
    service = service_of(newer)
    if older is None or before != after:
        kind, what = "deploy", f"{service} rolled out {', '.join(after)}"
    elif _restarted(older) != _restarted(newer):
        kind, what = "restart", f"{service} restarted by a roll-out"
    else:
        kind, what = "config", f"{service} rolled out with another pod template, same images"
    cause = plain(part(newer, "metadata", "annotations").get(_CAUSE))
    return Change(
        id=plain(part(newer, "metadata").get("uid")),
        at=created(newer),
        kind=kind,
        service=service,
        title=f"{what}: {cause}" if cause else what,
        before=", ".join(before),
        after=", ".join(after),
        revision=str(_revision(newer) or ""),
    )


def _restarted(replica_set: Json) -> str:
    meta = part(replica_set, "spec", "template", "metadata")
    return plain(part(meta, "annotations").get(_RESTARTED))


def crashes(pods: Iterable[Json]) -> Iterator[Change]:
    """The last end of each container that ran before the present one."""
    for item in pods:
        for status in items(part(item, "status"), "containerStatuses"):
            ended = part(status, "lastState", "terminated")
            if not ended.get("finishedAt"):
                continue
            code, restarts = number(ended, "exitCode"), number(status, "restartCount")
            container = plain(status.get("name"))
            yield Change(
                id=f"{plain(part(item, 'metadata').get('uid'))}/{container}/{restarts}",
                at=seconds(ended["finishedAt"], "finishedAt"),
                kind="crash" if code else "restart",
                service=service_of(item),
                title=f"{name_of(item)}: {container} ended with {plain(ended.get('reason'))}"
                f" (exit {code}), {restarts} restarts so far",
            )


def noted(events: Iterable[PlatformEvent]) -> Iterator[Change]:
    """Evictions, kernel kills and the troubles of nodes. A node's are its own service's."""
    for event in events:
        kind = _KINDS.get(event.reason)
        if kind:
            yield Change(
                id=event.id,
                at=event.at,
                kind=kind,
                service=event.service or event.name,
                title=f"{event.kind} {event.name}: {event.message}",
                actor="kubernetes",
            )


def scalings(events: Sequence[PlatformEvent], replica_sets: Iterable[Json]) -> Iterator[Change]:
    """Scalings of Deployments, and roll-backs: an old ReplicaSet that comes back from nothing.

    The ups and downs of a roll-out are none: they come within minutes of each other.
    """
    sets = {(namespace_of(item), name_of(item)): item for item in replica_sets}
    moves = [(e, m) for e in events if (m := _SCALED.match(e.message)) is not None]
    for event, move in moves:
        has_company = any(
            (e.namespace, e.name) == (event.namespace, event.name)
            and m["set"] != move["set"]
            and abs(e.at - event.at) <= _ROLLOUT_S
            for e, m in moves
        )
        item = sets.get((event.namespace, move["set"]))
        before = move["from"] or move["before"] or ""
        is_new = item is not None and abs(event.at - created(item)) <= _NEW_S
        if is_new or (has_company and (before != "0" or item is None)):
            continue
        if has_company and item is not None:
            yield _rollback(event, item)
        else:
            yield _scaling(event, before, move["to"])


def _rollback(event: PlatformEvent, replica_set: Json) -> Change:
    images, revision = ", ".join(images_of(replica_set)), str(_revision(replica_set))
    return Change(
        id=event.id,
        at=event.at,
        kind="deploy",
        service=event.service,
        title=f"{event.service} rolled back; revision {revision} now: {images}",
        after=images,
        revision=revision,
    )


def _scaling(event: PlatformEvent, before: str, after: str) -> Change:
    return Change(
        id=event.id,
        at=event.at,
        kind="scale",
        service=event.service,
        title=f"{event.service} scaled {f'from {before} ' if before else ''}to {after}",
        before=before,
        after=after,
    )
