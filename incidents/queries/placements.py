"""The alerts of an incident, each with why it is here; and where one could be moved to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Func, IntegerField, OuterRef, QuerySet, Subquery

from incidents.models import Alert, GroupingDecision, Incident, Workspace

ON_THE_PAGE = 20
ON_ITS_OWN_PAGE = 200
_MEANS = dict(GroupingDecision.Means.choices)


@dataclass(frozen=True)
class Placement:
    """An alert and the newest decision on it. `came_with` is the merged incident it is from."""

    id: UUID
    title: str
    status: str
    severity: str
    starts_at: datetime
    sender: str
    is_flapping: bool
    means: str
    reason: str
    score: float | None
    threshold: float | None
    came_with: str

    @property
    def has_score(self) -> bool:
        """Whether there is a score that the reason does not name itself."""
        return self.score is not None and self.threshold is not None and "needed" not in self.reason


@dataclass(frozen=True)
class Placements:
    """The newest of an incident's alerts, and how many there are in all."""

    shown: list[Placement]
    total: int

    @property
    def is_all(self) -> bool:
        return len(self.shown) == self.total


def of(incident: Incident, *, limit: int = ON_THE_PAGE) -> Placements:
    """Newest first, those of incidents that were merged into it among them; one query."""
    count = Func(F("pk"), function="COUNT", output_field=IntegerField())  # no grouping of its own
    total = Alert.objects.counting_for(incident).order_by().annotate(total=count)
    newest = GroupingDecision.objects.filter(alert=OuterRef("pk")).order_by("-id")
    found = (
        Alert.objects.counting_for(incident)
        .select_related("integration", "incident")
        .defer("description", "annotations", "labels")
        .annotate(
            means=Subquery(newest.values("means")[:1]),
            reason=Subquery(newest.values("reason")[:1]),
            score=Subquery(newest.values("score")[:1]),
            needed=Subquery(newest.values("threshold")[:1]),
            total=Subquery(total.values("total")),
        )
        .order_by("-starts_at", "-id")
    )
    rows: list[Any] = list(found[:limit])
    return Placements([_placement(alert, incident) for alert in rows], rows[0].total if rows else 0)


def _placement(alert: Any, incident: Incident) -> Placement:
    return Placement(
        id=alert.pk,
        title=alert.title,
        status=alert.status,
        severity=alert.severity,
        starts_at=alert.starts_at,
        sender=alert.integration.name,
        is_flapping=alert.is_flapping,
        means=_MEANS.get(alert.means, ""),
        reason=alert.reason or "",
        score=alert.score,
        threshold=alert.needed,
        came_with=alert.incident.key if alert.incident_id != incident.pk else "",
    )


def others(workspace: Workspace, *, besides: Incident | None) -> QuerySet[Incident]:
    """The live incidents an alert could be moved to, or an incident merged into, newest first."""
    live = Incident.objects.open().filter(workspace=workspace).order_by("-opened_at")
    if besides is not None:
        live = live.exclude(pk=besides.pk)
    return live
