"""Services: the list with what is open on each, and one service with its history."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404

from incidents.lifecycle import SEVERITY_ORDER, Severity
from incidents.models import Incident, Service, ServiceDependency, Workspace
from incidents.queries.access import AnyUser, workspaces_of


@dataclass(frozen=True)
class ServiceRow:
    service: Service
    open_incidents: int
    worst: str  # the most severe open incident, or nothing
    calls: int
    called_by: int

    @property
    def health(self) -> str:
        return "affected" if self.open_incidents else "ok"


def _visible(user: AnyUser) -> QuerySet[Service]:
    return Service.objects.filter(workspace__in=workspaces_of(user))


def _open_severities(user: AnyUser) -> dict[UUID | None, list[Severity]]:
    found: dict[UUID | None, list[Severity]] = {}
    pairs = Incident.objects.visible_to(user).open().values_list("service_id", "severity")
    for service_id, severity in pairs:
        found.setdefault(service_id, []).append(Severity(severity))
    return found


def rows(user: AnyUser) -> list[ServiceRow]:
    """Troubled services first, then by name; two queries, whatever the number of services."""
    severities = _open_severities(user)
    counted = _visible(user).filter(retired_at__isnull=True)
    counted = counted.annotate(
        call_count=Count("calls", filter=Q(calls__hidden_at__isnull=True), distinct=True),
        called_by_count=Count(
            "called_by", filter=Q(called_by__hidden_at__isnull=True), distinct=True
        ),
    )
    listed = [
        ServiceRow(
            service=service,
            open_incidents=len(severities.get(service.pk, ())),
            worst=min(severities.get(service.pk, ()), key=SEVERITY_ORDER.__getitem__, default=""),
            calls=service.__dict__["call_count"],
            called_by=service.__dict__["called_by_count"],
        )
        for service in counted
    ]
    return sorted(listed, key=lambda row: (-row.open_incidents, row.service.name))


def visible_service(user: AnyUser, name: str) -> Service:
    """The service of this name in a workspace of this user; 404 otherwise."""
    found = _visible(user).filter(name=name).order_by("workspace__name").first()
    return found or get_object_or_404(_visible(user), pk=None)


def visible_service_by_id(user: AnyUser, service_id: UUID) -> Service:
    return get_object_or_404(_visible(user).select_related("workspace"), pk=service_id)


def visible_edge(user: AnyUser, edge_id: int) -> ServiceDependency:
    """The edge, if its services are in a workspace of this user; 404 otherwise."""
    found = ServiceDependency.objects.select_related("caller__workspace", "callee")
    return get_object_or_404(found.filter(caller__workspace__in=workspaces_of(user)), pk=edge_id)


def named(workspace: Workspace, name: str, *, or_retired: bool = False) -> Service | None:
    found = workspace.services.filter(name=name)
    return (found if or_retired else found.filter(retired_at__isnull=True)).first()


def history(service: Service, *, limit: int = 20) -> list[Incident]:
    return list(service.incidents.select_related("owner").order_by("-opened_at")[:limit])


def names_in(workspace: Workspace) -> list[str]:
    found = workspace.services.filter(retired_at__isnull=True).order_by("name")
    return list(found.values_list("name", flat=True))
