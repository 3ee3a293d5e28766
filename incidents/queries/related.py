"""Past incidents like this one, why each is, and what ended it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

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
    """The most related incidents that are over; two queries, however many there were.

    Which have an alert in common is asked of the few that are looked at: asked in the first query,
    PostgreSQL goes through every alert there is.
    """
    past = Incident.objects.filter(
        workspace=incident.workspace_id,
        state__in=[State.RESOLVED, State.CLOSED],
        opened_at__gte=clock.now() - LOOKS_BACK,
        opened_at__lte=incident.opened_at,
    ).exclude(pk=incident.pk)
    found = list(past.select_related("service").order_by("-opened_at")[:MAX_LOOKED_AT])
    sharing = _sharing_with(incident, found)
    rated = [_rated(incident, other, is_sharing=other.pk in sharing) for other in found]
    told = [one for one in rated if one.score >= _SAME_SERVICE]
    return sorted(told, key=lambda one: (-one.score, -one.incident.number))[:limit]


def _sharing_with(incident: Incident, others: list[Incident]) -> set[UUID]:
    """Which of these had an alert that this one has."""
    own = Alert.objects.counting_for(incident).values("dedup_key")
    same = Alert.objects.filter(incident__in=[other.pk for other in others], dedup_key__in=own)
    return set(same.order_by().values_list("incident", flat=True).distinct())


def _rated(incident: Incident, other: Incident, *, is_sharing: bool) -> Related:
    reasons, score = [], 0.0
    if is_sharing:
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
