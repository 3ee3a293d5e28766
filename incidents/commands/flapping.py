"""Names the alerts that cannot make up their mind, and takes the name off when they are quiet."""

from airra.lib import clock
from incidents.commands import timeline
from incidents.ingest import life
from incidents.models import Alert, Incident, TimelineEvent

Kind = TimelineEvent.Kind
_WINDOW_MIN = int(life.FLAPPING_WINDOW.total_seconds() // 60)
_QUIET_MIN = int(life.QUIET_AFTER.total_seconds() // 60)


def look(alert: Alert) -> bool:
    """Call after an episode has begun or ended: whether its alert has just become flapping.

    The newest episode alone bears the name.
    """
    now = clock.now()
    same = Alert.objects.filter(integration=alert.integration_id, dedup_key=alert.dedup_key)
    # One follows the other: what began before the newest few cannot have changed after them.
    newest = same.order_by("-starts_at")[: life.FLAPPING_CHANGES]
    changes = []
    for begun, received, ended, heard in newest.values_list(
        "starts_at", "received_at", "ends_at", "last_seen_at"
    ):
        changes.append(min(begun, received))  # a sender's clock may be ahead of ours
        if ended is not None:
            changes.append(min(ended, heard))
    if not life.is_flapping(changes, now=now):
        return False
    named = same.filter(workspace=alert.workspace_id, is_flapping=True)  # few: they have an index
    was_named = named.exclude(pk=alert.pk).update(is_flapping=False)
    is_news = not was_named and not alert.is_flapping
    same.filter(pk=alert.pk).update(is_flapping=True)
    alert.is_flapping = True
    return is_news


def tell(alert: Alert) -> None:
    """Say so where people work on it."""
    home = home_of(alert)
    if home is None or not home.is_live:
        return
    timeline.record(
        home,
        Kind.ALERT,
        f"names “{alert.title}” flapping: it began or ended {life.FLAPPING_CHANGES} times within "
        f"{_WINDOW_MIN} min. This incident stays open until it is quiet for {_QUIET_MIN} min; "
        "each turn is listed at the alert, not here",
        payload={"alert": str(alert.pk)},
    )


def home_of(alert: Alert) -> Incident | None:
    """The incident the alert counts for: the one its own was merged into, if it was."""
    found = alert.incident
    return found.merged_into or found if found is not None else None


def end_quiet() -> None:
    """Take the name off alerts that have neither begun nor ended for a while."""
    now = clock.now()
    named = Alert.objects.filter(is_flapping=True).select_related("incident__merged_into")
    for alert in named:
        over = alert.status == Alert.Status.RESOLVED
        if not life.is_quiet(alert.last_seen_at if over else alert.received_at, now=now):
            continue
        unnamed = Alert.objects.filter(pk=alert.pk, is_flapping=True, status=alert.status)
        home = home_of(alert)
        if unnamed.update(is_flapping=False) and home is not None and home.is_live:
            text = f"“{alert.title}” has been quiet for {_QUIET_MIN} min: no longer flapping"
            timeline.record(home, Kind.ALERT, text, payload={"alert": str(alert.pk)})
