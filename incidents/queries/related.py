"""Past incidents like this one, why each is, and what ended it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from airra.lib import clock
from incidents.ingest.grouping.words import likeness
from incidents.lifecycle import State
from incidents.models import Alert, Incident

LOOKS_BACK = timedelta(days=180)
MAX_LOOKED_AT = 300
ALIKE = 0.72
_SAME_ALERT, _SAME_SERVICE = 1.0, 0.5


@dataclass(frozen=True)
class Related:
    incident: Incident
    reasons: list[str]
    score: float

    @property
    def lasted(self) -> timedelta | None:
        ended: datetime | None = self.incident.resolved_at
        return ended - self.incident.opened_at if ended else None


def related(incident: Incident, *, limit: int = 5) -> list[Related]:
    """The most related incidents that are over; one query, however many there were."""
    own = Alert.objects.filter(Q(incident=incident) | Q(incident__merged_into=incident))
    shares = Alert.objects.filter(incident=OuterRef("pk"), dedup_key__in=own.values("dedup_key"))
    past = Incident.objects.filter(
        workspace=incident.workspace_id,
        state__in=[State.RESOLVED, State.CLOSED],
        opened_at__gte=clock.now() - LOOKS_BACK,
        opened_at__lte=incident.opened_at,
    ).exclude(pk=incident.pk)
    found = past.annotate(shares=Exists(shares)).select_related("service").order_by("-opened_at")
    rated = [_rated(incident, other) for other in found[:MAX_LOOKED_AT]]
    told = [one for one in rated if one.score >= _SAME_SERVICE]
    return sorted(told, key=lambda one: (-one.score, -one.incident.number))[:limit]


def _rated(incident: Incident, other: Incident) -> Related:
    reasons, score = [], 0.0
    if getattr(other, "shares", False):
        reasons.append("it had the same alert")
        score += _SAME_ALERT
    if incident.service_id and other.service_id == incident.service_id:
        reasons.append(f"it was about {other.service} too")
        score += _SAME_SERVICE
    words = likeness(incident.title, other.title)
    if words >= ALIKE:
        reasons.append(f"its title is {words:.0%} alike")
        score += words
    return Related(other, reasons, score)
