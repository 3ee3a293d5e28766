"""Services and the edges between them: as they become known, and as people correct them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef

from airra.lib import clock
from incidents.commands import audit
from incidents.models import DependencySighting, Service, ServiceDependency, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

_Fields = Mapping[str, datetime | str | None]


class NotAnEdge(ValueError):
    """These two services cannot be caller and callee; the message says why."""


def ensure(*, workspace: Workspace, name: str) -> Service:
    """The service of this name, made when new."""
    service, _ = Service.objects.get_or_create(workspace=workspace, name=name[:120])
    return service


@transaction.atomic
def link(
    *, caller: Service, callee: Service, source: str, seen_at: datetime | None = None
) -> ServiceDependency:
    """Record that `source` shows `caller` calling `callee`; what people hid stays hidden."""
    at = seen_at or clock.now()
    edge, _ = ServiceDependency.objects.get_or_create(
        caller=caller, callee=callee, defaults={"source": source, "last_seen_at": at}
    )
    _see(source, {edge: at})
    return edge


@transaction.atomic
def learn_edges(
    *, workspace: Workspace, source: str, seen: Mapping[tuple[str, str], datetime]
) -> None:
    """What `link` does, for many: the edges one source shows, by the names of their ends.

    As many queries for a thousand edges as for one.
    """
    names = {name[:120] for pair in seen for name in pair}
    made = [Service(workspace=workspace, name=name) for name in sorted(names)]
    Service.objects.bulk_create(made, ignore_conflicts=True)
    ids = dict(
        Service.objects.filter(workspace=workspace, name__in=names).values_list("name", "pk")
    )
    times = {
        (ids[caller[:120]], ids[callee[:120]]): at
        for (caller, callee), at in seen.items()
        if caller[:120] != callee[:120]
    }
    ServiceDependency.objects.bulk_create(
        [
            ServiceDependency(caller_id=pair[0], callee_id=pair[1], source=source, last_seen_at=at)
            for pair, at in times.items()
        ],
        ignore_conflicts=True,
    )
    found = ServiceDependency.objects.filter(caller__in=ids.values(), callee__in=ids.values())
    edges = {(edge.caller_id, edge.callee_id): edge for edge in found}
    _see(source, {edges[pair]: at for pair, at in times.items()})


def _see(source: str, times: Mapping[ServiceDependency, datetime]) -> None:
    """Note the sightings, and what is newest on the edges; nothing becomes older."""
    moved = []
    for edge, at in times.items():
        if at > edge.last_seen_at or edge.source == ServiceDependency.Source.HAND:
            edge.source, edge.last_seen_at = source, at
            moved.append(edge)
    ServiceDependency.objects.bulk_update(moved, ["source", "last_seen_at"], batch_size=200)
    known = dict(
        DependencySighting.objects.filter(dependency__in=times, source=source).values_list(
            "dependency_id", "last_seen_at"
        )
    )
    DependencySighting.objects.bulk_create(
        [
            DependencySighting(dependency=edge, source=source, first_seen_at=at, last_seen_at=at)
            for edge, at in times.items()
            if edge.pk not in known or at > known[edge.pk]
        ],
        batch_size=200,
        update_conflicts=True,
        unique_fields=["dependency", "source"],
        update_fields=["last_seen_at"],
    )


@transaction.atomic
def say(*, caller: Service, callee: Service, reason: str, by: User) -> ServiceDependency:
    """A person says that this edge is there; it is shown again if it was hidden.

    Raises `NotAnEdge` for a service and itself, and across workspaces.
    """
    require(by, Permission.ADMINISTER, caller.workspace)
    if caller.pk == callee.pk:
        msg = f"{caller} cannot depend on itself"
        raise NotAnEdge(msg)
    if caller.workspace_id != callee.workspace_id:
        msg = f"{caller} and {callee} belong to different workspaces"
        raise NotAnEdge(msg)
    edge, _ = ServiceDependency.objects.get_or_create(
        caller=caller, callee=callee, defaults={"source": ServiceDependency.Source.HAND}
    )
    said: _Fields = {
        "said_at": clock.now(),
        "said_by": by.get_username(),
        "said_reason": reason[:300],
    }
    _change(edge, "said", by, reason, {**said, **_SHOWN})
    return edge


@transaction.atomic
def unsay(*, edge: ServiceDependency, by: User) -> None:
    """Take back what people said; an edge that no source shows goes with it."""
    require(by, Permission.ADMINISTER, edge.caller.workspace)
    _change(edge, "unsaid", by, "", {"said_at": None, "said_by": "", "said_reason": ""})
    is_theirs = edge.source == ServiceDependency.Source.HAND and edge.hidden_at is None
    if is_theirs and not edge.sightings.exists():
        edge.delete()


@transaction.atomic
def hide(*, edge: ServiceDependency, reason: str, by: User) -> None:
    """Say that this edge is wrong: nothing uses it, whatever sources show, until it is shown."""
    require(by, Permission.ADMINISTER, edge.caller.workspace)
    hidden: _Fields = {
        "hidden_at": clock.now(),
        "hidden_by": by.get_username(),
        "hidden_reason": reason[:300],
    }
    _change(edge, "hidden", by, reason, hidden)


@transaction.atomic
def show(*, edge: ServiceDependency, by: User) -> None:
    require(by, Permission.ADMINISTER, edge.caller.workspace)
    _change(edge, "shown", by, "", _SHOWN)


_SHOWN: _Fields = {"hidden_at": None, "hidden_by": "", "hidden_reason": ""}


def _change(edge: ServiceDependency, verb: str, by: User, reason: str, fields: _Fields) -> None:
    before = {name: str(getattr(edge, name) or "") for name in fields}
    ServiceDependency.objects.filter(pk=edge.pk).update(**fields)
    for name, value in fields.items():
        setattr(edge, name, value)
    audit.record(
        f"dependency.{verb}",
        target=edge,
        by=by,
        before=before,
        after={name: str(value or "") for name, value in fields.items()},
        reason=reason,
        workspace_id=edge.caller.workspace_id,
    )


@transaction.atomic
def prune_edges() -> int:
    """Forget what no source has shown for long; returns how many edges went.

    What people said or hid stays: it is theirs to take back.
    """
    long_ago = clock.now() - timedelta(days=settings.EDGE_KEPT_DAYS)
    DependencySighting.objects.filter(last_seen_at__lt=long_ago).delete()
    shown = DependencySighting.objects.filter(dependency=OuterRef("pk"))
    gone = ServiceDependency.objects.visible().filter(
        ~Exists(shown), last_seen_at__lt=long_ago, said_at__isnull=True
    )
    number, _ = gone.delete()
    return number
