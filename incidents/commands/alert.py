"""What an alert does to the record: begins or ends an episode, and moves its incident along.

Called inside the transaction of its delivery, which holds the workspace's row: one delivery of a
workspace at a time, so what is read here stays true until it is written.
"""

from django.db.models import Exists, OuterRef, Q

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.commands.placing import place
from incidents.commands.service import ensure
from incidents.ingest.alerts import NewAlert
from incidents.lifecycle import State
from incidents.models import Alert, AlertQuerySet, Delivery, Incident, Service, TimelineEvent

Kind = TimelineEvent.Kind

# An alert that clears ends the incident only from here: while an action runs, or is being
# verified, its own proof decides.
RESOLVABLE = (
    State.OPEN,
    State.ACKNOWLEDGED,
    State.ANALYSING,
    State.AWAITING_APPROVAL,
    State.NO_SAFE_ACTION,
)


def take(new: NewAlert, *, delivery: Delivery) -> Incident | None:
    """Record one alert of a delivery. Returns the incident it touched, if any."""
    return _cleared(new, delivery) if new.is_resolved else _fired(new, delivery)


def _episodes(new: NewAlert, delivery: Delivery) -> AlertQuerySet:
    return Alert.objects.filter(
        integration=delivery.integration, dedup_key=new.dedup_key
    ).select_related("incident__merged_into")


def _home(alert: Alert) -> Incident | None:
    """The incident the alert counts for: the one its own was merged into, if it was."""
    found = alert.incident
    return found.merged_into if found is not None and found.state == State.MERGED else found


def _fired(new: NewAlert, delivery: Delivery) -> Incident | None:
    episodes = _episodes(new, delivery)
    known = episodes.filter(starts_at=new.starts_at).first()
    if known is not None and known.status == Alert.Status.RESOLVED:
        return None  # told late: this episode is over
    current = known or episodes.live().first()
    if current is None:
        return _begin(new, delivery)
    home = _home(current)
    if (home is not None and home.is_live) or new.starts_at <= current.starts_at:
        return _again(current, new)
    # It fired anew after its incident had ended, and nobody told the end of the last episode.
    _end(current, new)
    return _begin(new, delivery)


def _begin(new: NewAlert, delivery: Delivery) -> Incident | None:
    workspace = delivery.integration.workspace
    service = ensure(workspace=workspace, name=new.service) if new.service else None
    placed = place(new, integration=delivery.integration, service=service)
    alert = _store(new, delivery, service, placed.incident)
    placed.record(alert)
    incident = placed.incident
    if incident is None:  # held until its rule has seen enough
        return None
    unknown = "" if new.is_severity_mapped else f"; {_unknown(new)}"
    timeline.record(
        incident,
        Kind.ALERT,
        f"reported “{new.title}” ({placed.reason}{unknown})",
        actor=delivery.integration.name,
        at=min(new.starts_at, clock.now()),
        payload={"alert": str(alert.pk), "delivery": str(delivery.pk)},
    )
    return incidents.raise_severity(
        incident=incident, to=new.severity, reason=f"the alert “{new.title}”"
    )


def _unknown(new: NewAlert) -> str:
    said = (
        f"severity “{new.severity_word[:40]}” is not known" if new.severity_word else "no severity"
    )
    return f"{said}, taken as {new.severity}"


def _store(
    new: NewAlert, delivery: Delivery, service: Service | None, incident: Incident | None
) -> Alert:
    return Alert.objects.create(
        workspace=delivery.integration.workspace,
        integration=delivery.integration,
        delivery=delivery,
        dedup_key=new.dedup_key,
        status=new.status,
        title=new.title,
        description=new.description,
        severity=new.severity,
        severity_mapped=new.is_severity_mapped,
        service=service,
        labels=dict(new.labels or {}),
        annotations=dict(new.annotations or {}),
        url=new.url,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        incident=incident,
    )


def _again(current: Alert, new: NewAlert) -> Incident | None:
    """The same trouble told once more: nothing happens, unless it has become more severe."""
    home = _home(current)
    if current.severity != new.severity:
        Alert.objects.filter(pk=current.pk).update(
            severity=new.severity, severity_mapped=new.is_severity_mapped
        )
    if home is None or not home.is_live:
        return None
    reason = f"the alert “{new.title}”"
    return incidents.raise_severity(incident=home, to=new.severity, reason=reason)


def _cleared(new: NewAlert, delivery: Delivery) -> Incident | None:
    episodes = _episodes(new, delivery)
    if episodes.filter(starts_at=new.starts_at, status=Alert.Status.RESOLVED).exists():
        return None
    current = episodes.live().first()
    if current is None:
        _store(new, delivery, None, None)
        return None
    if new.ends_at is not None and new.ends_at < current.starts_at:
        _ignore(new, current, delivery)
        return _home(current)
    _end(current, new)
    home = _home(current)
    if home is not None and home.is_live:
        timeline.record(
            home,
            Kind.ALERT,
            f"reported the end of “{current.title}”",
            actor=delivery.integration.name,
            at=min(current.ends_at or clock.now(), clock.now()),
            payload={"alert": str(current.pk), "delivery": str(delivery.pk)},
        )
        settle(home)
    return home


def _end(current: Alert, new: NewAlert) -> None:
    current.status = Alert.Status.RESOLVED
    current.ends_at = max(new.ends_at or new.starts_at, current.starts_at)
    current.save(update_fields=["status", "ends_at"])


def _ignore(new: NewAlert, current: Alert, delivery: Delivery) -> None:
    """An end from before the beginning: it belongs to an earlier episode, or a clock is wrong."""
    if new.starts_at != current.starts_at:
        _store(new, delivery, current.service, None)
    home = _home(current)
    if home is not None and home.is_live:
        timeline.record(
            home,
            Kind.ALERT,
            f"reported an end of “{current.title}” at {new.ends_at:%F %T} UTC, which is ignored: "
            f"the present episode began later, at {current.starts_at:%F %T} UTC",
            actor=delivery.integration.name,
            payload={"alert": str(current.pk), "delivery": str(delivery.pk)},
        )


def alerts_of(incident: Incident) -> AlertQuerySet:
    """The alerts that count for an incident: its own, and those of what was merged into it."""
    return Alert.objects.filter(Q(incident=incident) | Q(incident__merged_into=incident))


def settle(incident: Incident) -> None:
    """Resolve an incident that alerts opened, once all of them are over and no action runs."""
    if incident.source != Incident.Source.ALERT:
        return
    alerts = alerts_of(incident)
    if not alerts.exists() or alerts.live().exists():
        return
    if incident.state not in RESOLVABLE:
        text = (
            f"saw every alert clear; the incident stays {incident.state} until its action is proven"
        )
        timeline.record(incident, Kind.ALERT, text)
        return
    titles = [f"“{title}”" for title in alerts.order_by("ends_at").values_list("title", flat=True)]
    some = ", ".join(titles[:3]) + (f" and {len(titles) - 3} more" if len(titles) > 3 else "")
    try:
        incidents.resolve(
            incident=incident,
            resolution=f"every alert has cleared: {some}",
            payload={"alerts": [str(pk) for pk in alerts.values_list("pk", flat=True)]},
        )
    except Conflict:
        return  # it moved this very moment; the sweep looks again


def settle_quiet() -> None:
    """Resolve what stayed open when its alerts cleared, because something else was under way.

    An incident that a person has reopened is left to people.
    """
    mine = Alert.objects.filter(
        Q(incident=OuterRef("pk")) | Q(incident__merged_into=OuterRef("pk"))
    )
    reopened = TimelineEvent.objects.filter(incident=OuterRef("pk"), kind=Kind.REOPENED)
    quiet = Incident.objects.filter(
        Exists(mine),
        ~Exists(mine.live()),
        ~Exists(reopened),
        source=Incident.Source.ALERT,
        state__in=[str(state) for state in RESOLVABLE],
    )
    for incident in quiet.select_related("workspace"):
        settle(incident)
