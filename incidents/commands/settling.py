"""When an incident that alerts opened is over: by its senders' word alone, never by silence."""

from django.db.models import Exists, OuterRef, Q

from airra.lib.db import Conflict
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.ingest.life import WAITED_FOR
from incidents.lifecycle import RESOLVABLE, AlertStatus
from incidents.models import Alert, AlertQuerySet, Incident, TimelineEvent

Kind = TimelineEvent.Kind

_WAITED_FOR = sorted(WAITED_FOR)


def alerts_of(incident: Incident) -> AlertQuerySet:
    """The alerts that count for an incident: its own, and those of what was merged into it."""
    return Alert.objects.counting_for(incident)


def settle(incident: Incident) -> None:
    """Resolve an incident that alerts opened, once each is over and no action runs.

    What its sender suppressed is not waited for, but resolves nothing either: at least one alert
    has to have been resolved. A flapping one is waited for until it is quiet.
    """
    if incident.source != Incident.Source.ALERT:
        return
    alerts = alerts_of(incident)
    over = alerts.filter(status=AlertStatus.RESOLVED)
    is_waiting = alerts.filter(Q(status__in=_WAITED_FOR) | Q(is_flapping=True)).exists()
    if is_waiting or not over.exists():
        return
    if incident.state not in RESOLVABLE:
        text = (
            f"saw every alert clear; the incident stays {incident.state} until its action is proven"
        )
        timeline.record(incident, Kind.ALERT, text)
        return
    titles = [f"“{title}”" for title in over.order_by("ends_at").values_list("title", flat=True)]
    some = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    try:
        incidents.resolve(
            incident=incident,
            resolution=f"every alert has cleared: {some}",
            payload={"alerts": [str(pk) for pk in over.values_list("pk", flat=True)]},
        )
    except Conflict:
        return  # it moved this very moment; the sweep looks again


def settle_quiet() -> None:
    """Resolve what stayed open when its alerts cleared, because something else was under way.

    An incident that a person has reopened is left to people.
    """
    waits = Q(status__in=_WAITED_FOR) | Q(is_flapping=True)
    # Each by itself: of both in one condition PostgreSQL makes the product of incidents and alerts.
    own = Alert.objects.filter(incident=OuterRef("pk"))
    merged = Alert.objects.filter(incident__merged_into=OuterRef("pk"))
    reopened = TimelineEvent.objects.filter(incident=OuterRef("pk"), kind=Kind.REOPENED)
    quiet = Incident.objects.filter(
        ~Exists(own.filter(waits)),
        ~Exists(merged.filter(waits)),
        Exists(own.filter(status=AlertStatus.RESOLVED))
        | Exists(merged.filter(status=AlertStatus.RESOLVED)),
        ~Exists(reopened),
        source=Incident.Source.ALERT,
        state__in=[str(state) for state in RESOLVABLE],
    )
    for incident in quiet.select_related("workspace"):
        settle(incident)
