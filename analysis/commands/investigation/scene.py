"""What a reasoner is told of an incident, from rows."""

from airra.lib import clock
from analysis.types import Edge, IncidentContext
from incidents.models import Incident, Service, ServiceDependency


def context_of(incident: Incident) -> IncidentContext:
    """What a reasoner is told of the incident."""
    rows = ServiceDependency.objects.fresh().filter(caller__workspace=incident.workspace)
    edges = tuple(
        Edge(src=src, dst=dst, source=source, last_seen=seen.timestamp())
        for src, dst, source, seen in rows.values_list(
            "caller__name", "callee__name", "source", "last_seen_at"
        )
    )
    names = Service.objects.filter(workspace=incident.workspace, retired_at__isnull=True)
    return IncidentContext(
        key=incident.key,
        title=incident.title,
        service=incident.service.name if incident.service else "",
        severity=incident.severity,
        started_at=incident.started_at.timestamp(),
        now=clock.now().timestamp(),
        services=tuple(names.values_list("name", flat=True)),
        edges=edges,
    )
