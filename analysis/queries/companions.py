"""Which open incidents belong to one investigation, and which investigation they have."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from analysis.models import Investigation, SharedInvestigation
from analysis.perception.companions import Arrival, Companion, group_of
from analysis.perception.correlate import NEAR_S
from analysis.perception.graph import Graph
from analysis.queries import source_reports
from analysis.queries.topology import graph_of
from incidents.lifecycle import SEVERITY_ORDER, Severity, State
from incidents.models import Incident, Workspace

COOLDOWN = timedelta(minutes=5)


@dataclass(frozen=True)
class Group:
    """Incidents that are one trouble, the leading one first, and what is known of them."""

    members: list[Companion]
    incidents: Mapping[str, Incident]
    graph: Graph

    @property
    def leader(self) -> Incident:
        return self.incidents[self.members[0].arrival.incident]

    def why(self, incident: Incident) -> str:
        of = str(incident.pk)
        return next(member.why for member in self.members if member.arrival.incident == of)


def group(incident: Incident) -> Group:
    """The group of an incident among those that are open, or were foretold, like itself."""
    near = timedelta(seconds=NEAR_S)
    alike = (
        Incident.objects.live()
        .filter(
            workspace=incident.workspace,
            is_predicted=incident.is_predicted,
            started_at__gte=incident.started_at - near,
            started_at__lte=incident.started_at + near,
        )
        .exclude(grouping_key__startswith=source_reports.PREFIX)
        .select_related("service", "workspace")
    )
    incidents = {str(each.pk): each for each in alike}
    incidents.setdefault(str(incident.pk), incident)
    graph = graph_of(incident.workspace)
    arrivals = {key: _arrival(each) for key, each in incidents.items()}
    members = group_of(arrivals[str(incident.pk)], list(arrivals.values()), graph)
    return Group(members, incidents, graph)


def _arrival(incident: Incident) -> Arrival:
    return Arrival(
        incident=str(incident.pk),
        key=incident.key,
        service=incident.service.name if incident.service else "",
        severity=SEVERITY_ORDER[Severity(incident.severity)],
        started_at=incident.started_at.timestamp(),
        opened_at=incident.opened_at.timestamp(),
    )


def of_group(members: Collection[str], now: datetime) -> Investigation | None:
    """The investigation that a group has: one that is live, or has settled just now."""
    is_current = Q(state__in=Investigation.LIVE) | Q(
        state=Investigation.State.SETTLED, finished_at__gt=now - COOLDOWN
    )
    shared = SharedInvestigation.objects.filter(
        investigation=OuterRef("pk"), incident__in=members, released_at__isnull=True
    )
    return (
        Investigation.objects.filter(is_current, Q(incident__in=members) | Exists(shared))
        .select_related("incident__workspace", "incident__service")
        .order_by("-created_at")
        .first()
    )


def is_shared(incident: Incident) -> bool:
    return incident.shared_investigations.filter(released_at__isnull=True).exists()


def started_since(workspace: Workspace, since: datetime) -> int:
    """How many investigations AIRRA has begun by itself since then."""
    return Investigation.objects.filter(
        incident__workspace=workspace, requested_by__isnull=True, created_at__gt=since
    ).count()


def uninvestigated(before: datetime, *, limit: int) -> list[UUID]:
    """Incidents that nobody looks into, the oldest first."""
    shared = SharedInvestigation.objects.filter(incident=OuterRef("pk"), released_at__isnull=True)
    found = Incident.objects.filter(
        ~Exists(shared),
        state__in=[State.OPEN, State.ACKNOWLEDGED],
        opened_at__lte=before,
        investigations__isnull=True,
    ).exclude(grouping_key__startswith=source_reports.PREFIX)
    return list(found.order_by("opened_at").values_list("pk", flat=True)[:limit])
