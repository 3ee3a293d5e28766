"""A word about an alert that arrives after later ones: put where it belongs, and wakes nobody.

Deliveries come at least once and in any order. What the alert is now, later words have told; a
late one moves the bounds of the episodes, so that in the end they are as if all had come in order.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F, QuerySet

from incidents.commands import episode, timeline
from incidents.commands import incident as incidents
from incidents.commands.flapping import home_of
from incidents.commands.touching import Did, Heard, note, severity_told
from incidents.ingest.life import PRESENT, says_severity
from incidents.ingest.order import Late, Newest, Word, late
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, GroupingDecision, Incident, TimelineEvent, Touch
from incidents.queries.touches import around

_RESOLVED = AlertStatus.RESOLVED
_PRESENT = sorted(PRESENT)


@dataclass(frozen=True)
class Place:
    """Where among the known words a late one belongs, and what it means there."""

    means: Late
    before: Word[Alert] | None = None
    after: Word[Alert] | None = None


def place_of(heard: Heard) -> Place:
    new = heard.new
    before, after = around(heard.episodes, heard.at, is_over=new.is_resolved)
    return Place(late(is_over=new.is_resolved, before=before, after=after), before, after)


def take(heard: Heard, place: Place, *, present: Alert | None) -> Incident | None:
    """Record a late word. Returns the live incident it was told in, if any."""
    before, after = place.before, place.after
    match place.means:
        case Late.INSIDE if before is not None:
            return _count(heard, before.row)
        case Late.EARLIER if after is not None:
            return _began_earlier(heard, place, after.row)
        case Late.PASSED if after is not None:
            _passed(heard, place, after)
            return None
        case Late.CUT if before is not None:
            return _cut(heard, before.row, after)
        case _:
            return _end_alone(heard, place, present)


def tell_ignored(heard: Heard, present: Alert) -> Incident | None:
    """Say in its incident that an end did not end the present episode."""
    home = home_of(present)
    if home is None or not home.is_live:
        return home
    text = (
        f"reported an end of “{present.title}” at {heard.new.ends_at:%F %T} UTC, which is ignored: "
        f"the present episode began later, at {present.starts_at:%F %T} UTC"
    )
    timeline.record(
        home,
        TimelineEvent.Kind.ALERT,
        text,
        actor=heard.integration.name,
        payload=episode.payload_of(present),
    )
    return home


def _count(heard: Heard, row: Alert, **changed: object) -> Incident | None:
    """One more word of an episode that is known; its severity counts while none is later."""
    new, reason = episode.weigh(heard.new, row.service, heard.turn)
    heard = heard.as_(new)
    later = row.touches.filter(at__gt=heard.at, status__in=_PRESENT).exclude(severity="")
    if not later.exists() and (says_severity(new) or "starts_at" in changed):
        changed |= {
            "severity": new.severity,
            "severity_mapped": new.is_severity_mapped,
            "severity_reason": reason[:300],
        }
    Alert.objects.filter(pk=row.pk).update(times_seen=F("times_seen") + 1, **changed)
    note(heard, row, Did.LATE)
    home = home_of(row)
    if row.status == _RESOLVED or home is None or not home.is_live or not says_severity(new):
        return None
    return incidents.raise_severity(
        incident=home, to=new.severity, reason=f"the alert “{new.title}”"
    )


def _began_earlier(heard: Heard, place: Place, row: Alert) -> Incident | None:
    new = _from_its_start(heard, place).new
    return _count(heard, row, starts_at=new.starts_at, is_start_told=new.is_start_told)


def _passed(heard: Heard, place: Place, end: Word[Alert]) -> None:
    """The beginning of what is over by now: the row of its end is filled in, or gets one."""
    row, ended_at = end.row, _end_told(end)
    heard, service, reason = episode.weighed(_from_its_start(heard, place))
    new = heard.new
    if place.before is None and _is_end_alone(row):
        row.title, row.description, row.url = new.title, new.description, new.url
        row.labels, row.annotations = dict(new.labels or {}), dict(new.annotations or {})
        row.severity, row.severity_mapped = new.severity, new.is_severity_mapped
        row.severity_reason, row.service = reason[:300], service
        row.starts_at, row.is_start_told = new.starts_at, new.is_start_told
        row.ends_at, row.times_seen = max(ended_at, new.starts_at), row.times_seen + 1
        row.save()
        note(heard, row, Did.LATE)
        return
    over = replace(new, status=_RESOLVED, ends_at=max(ended_at, new.starts_at))
    made = episode.store(
        heard.as_(over),
        service=service,
        did=Did.LATE,
        newest=Newest(row.told_at, row.heard_at),
        reason=reason,
        came_late=True,
    )
    heard.turn.flush()
    # It was there when it said so, although it is over: the note keeps its own word.
    made.touches.update(status=new.status, severity=severity_told(new), ended_at=None)
    _give(row, made, row.touches.filter(at__gte=end.at))


def _cut(heard: Heard, row: Alert, after: Word[Alert] | None) -> Incident | None:
    """An end within an episode: the words after it are of another one."""
    ends_at = max(heard.new.ends_at or heard.at, row.starts_at)
    if after is None or after.is_over or after.row.pk != row.pk:
        if row.ends_at is None or ends_at < row.ends_at:
            Alert.objects.filter(pk=row.pk).update(status=_RESOLVED, ends_at=ends_at)
        note(heard, row, Did.ENDED)
        return None
    first = _split(row, heard, after)
    first.ends_at = ends_at
    first.save(force_insert=True)
    _give(row, first, row.touches.filter(at__lte=heard.at))
    for part in (first, row):
        _keep_severity(part)
    note(heard, first, Did.ENDED)
    if first.incident is not None:
        GroupingDecision.objects.create(
            alert=first,
            incident=first.incident,
            means=GroupingDecision.Means.KEY,
            reason="an earlier episode of the same alert, whose end came late",
        )
    return tell_ignored(heard, row) if row.status != _RESOLVED else None


def _split(row: Alert, heard: Heard, after: Word[Alert]) -> Alert:
    """The first part as a row that is not saved; the row itself is the part after it from now."""
    first = Alert.objects.select_related("integration", "incident__merged_into").get(pk=row.pk)
    first.pk = Alert._meta.pk.get_default()
    first._state.adding = True
    first.status, first.is_flapping, first.silenced_by = _RESOLVED, False, row.silenced_by
    there = row.touches.exclude(status=_RESOLVED)
    told = there.filter(at=after.at).first() or row.touches.filter(began_at=after.at).first()
    begun = told.began_at if told is not None else None
    row.is_start_told = begun is not None and begun > heard.at
    row.starts_at = begun if begun is not None and begun > heard.at else after.at
    row.delivery_id = told.delivery_id if told is not None else row.delivery_id
    row.save(update_fields=["starts_at", "is_start_told", "delivery"])
    return first


def _keep_severity(part: Alert) -> None:
    """As the last word that counts told it, or its first word where none does."""
    told = part.touches.exclude(severity="").order_by("at", "id")
    found = told.filter(status__in=_PRESENT).last() or told.first()
    if found is not None and found.severity != part.severity:
        part.severity = found.severity
        part.save(update_fields=["severity"])


def _end_alone(heard: Heard, place: Place, present: Alert | None) -> Incident | None:
    """An end of an episode whose beginning nobody told, or that was over before."""
    new, before, after = heard.new, place.before, place.after
    if new.is_start_told and (before is None or new.starts_at > before.at):
        episode.store(heard, service=None, did=Did.ENDED, came_late=True)
    elif before is not None:
        note(heard, before.row, Did.REPEATED)
        return None
    elif after is not None and _is_end_alone(after.row):
        over = new.ends_at or heard.at
        Alert.objects.filter(pk=after.row.pk).update(
            starts_at=over, ends_at=over, severity=new.severity
        )
        note(heard, after.row, Did.ENDED)
    else:
        bare = replace(new, starts_at=new.ends_at or heard.at, is_start_told=False)
        episode.store(heard.as_(bare), service=None, did=Did.ENDED, came_late=True)
    return tell_ignored(heard, present) if present is not None else None


def _from_its_start(heard: Heard, place: Place) -> Heard:
    """With the start it tells, unless that is of an episode before; else with its own time."""
    new = heard.new
    is_of_it = place.before is None or new.starts_at > place.before.at
    if new.is_start_told and is_of_it:
        return heard
    return heard.as_(replace(new, starts_at=heard.at, is_start_told=False))


def _is_end_alone(row: Alert) -> bool:
    return row.came_late and not row.is_start_told and row.starts_at == row.ends_at


def _end_told(end: Word[Alert]) -> datetime:
    told = end.row.touches.filter(at=end.at, status=_RESOLVED).first()
    return (told.ended_at if told is not None else None) or end.at


def _give(row: Alert, to: Alert, touches: QuerySet[Touch]) -> None:
    """Words that were taken for those of one episode are those of another."""
    seen = touches.exclude(status=_RESOLVED).count()
    touches.update(alert=to)
    Alert.objects.filter(pk=row.pk).update(times_seen=max(row.times_seen - seen, 1))
    Alert.objects.filter(pk=to.pk).update(times_seen=max(seen, 1))
