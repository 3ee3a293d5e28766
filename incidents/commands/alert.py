"""What an alert does to the record: begins or ends an episode, and moves its incident along.

Called inside a transaction that holds the workspace's turn: one delivery of a workspace at a time,
so what is read here stays true until it is written. What an alert does that nobody has heard of is
written by its turn, with others; all else is written at once, after what waited before it.
"""

from dataclasses import replace
from datetime import datetime

from django.db.models import F, Min, Q

from airra.lib import clock
from incidents.commands import episode, flapping, late, settling, timeline
from incidents.commands import incident as incidents
from incidents.commands.flapping import home_of
from incidents.commands.touching import Did, Heard, marks, newest_of, note
from incidents.commands.turn import Turn
from incidents.ingest import life
from incidents.ingest.alerts import MAX_KEY, NewAlert
from incidents.ingest.life import PRESENT, Step
from incidents.ingest.order import Late, Newest
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, Delivery, Incident, Integration, TimelineEvent, Touch

Kind = TimelineEvent.Kind
OURS = "airra:"  # keys of alerts that AIRRA raises about a sender; no sender can claim one


def of_sender(new: NewAlert) -> NewAlert:
    """The alert under a key that a sender can claim."""
    if not new.dedup_key.startswith(OURS):
        return new
    return replace(new, dedup_key=f"sender:{new.dedup_key}"[:MAX_KEY])


def tell(
    new: NewAlert, *, integration: Integration, turn: Turn, delivery: Delivery | None = None
) -> Incident | None:
    """Record one alert of a sender, or of AIRRA about the sender itself.

    Returns the incident it touched, if any.
    """
    heard = Heard(new, integration, turn, delivery)
    present, last = (None, None) if heard.is_first else _known(heard)
    heard = _told_now(heard, present, last)
    new, newest = heard.new, newest_of(last)
    if newest.is_after(new.at, heard.received_at):
        place = late.place_of(heard)
        if place.means is not Late.NEWEST:
            return late.take(heard, place, present=present)
    step = life.step(new, _episode(present), is_over=_is_over(new, last, newest))
    return _without_one(heard, step, last) if present is None else _with(heard, step, present)


def _told_now(heard: Heard, present: Alert | None, last: Alert | None) -> Heard:
    """An old beginning that is told long after its end was: it fires, since now as far as we know.

    Alertmanager ends what Prometheus could not tell it of for some minutes, and when it can again
    tells the beginning that it knew before.
    """
    new = heard.new
    if last is None or not (new.is_restated and new.is_start_told and new.status in PRESENT):
        return heard
    if present is not None:
        is_old = not present.is_start_told and new.starts_at < present.starts_at
    else:
        is_old = last.ends_at is not None and new.starts_at <= last.ends_at
        is_old = is_old and heard.received_at - _heard_end(last) > life.OVERTAKEN_WITHIN
    if not is_old:
        return heard
    now = heard.received_at
    return heard.as_(replace(new, starts_at=now, is_start_told=False, at=now))


def _heard_end(alert: Alert) -> datetime:
    """When word of its end arrived, which may be long before it was read."""
    ends = alert.touches.filter(status=AlertStatus.RESOLVED)
    found: datetime | None = ends.aggregate(first=Min("delivery__received_at"))["first"]
    return found or alert.last_seen_at


def _with(heard: Heard, step: Step, present: Alert) -> Incident | None:
    """What a word does to the live episode."""
    match step:
        case Step.OVER:
            _nothing_new(heard, present)
            return None
        case Step.AFRESH:  # nobody told the end of the last one
            _end(present, heard)
            return episode.begin(heard, newest=newest_of(present))
        case Step.END:
            note(heard, present, Did.ENDED)
            return _clear(present, heard)
        case Step.END_BEFORE:
            return _ignore(heard, present)
        case _:
            return _again(present, heard)


def _known(heard: Heard) -> tuple[Alert | None, Alert | None]:
    """The live episode, and the one that began last: the same, unless none is live."""
    heard.turn.flush()
    episodes = heard.episodes
    last_began = episodes.order_by("-starts_at").values("starts_at")[:1]
    found = episodes.filter(Q(starts_at=last_began) | ~Q(status=AlertStatus.RESOLVED))
    known = list(found.select_related("incident__merged_into", "service", "integration__workspace"))
    present = next((a for a in known if a.status != AlertStatus.RESOLVED), None)
    return present, max(known, key=lambda a: a.starts_at, default=None)


def _is_over(new: NewAlert, last: Alert | None, newest: Newest) -> bool:
    """Whether the very episode it tells of has ended; not when it is told to be true since."""
    if last is None or last.status != AlertStatus.RESOLVED or last.starts_at != new.starts_at:
        return False
    return new.at is None or newest.told_at is None or new.at <= newest.told_at


def _episode(present: Alert | None) -> life.Episode | None:
    if present is None:
        return None
    home = home_of(present)
    return life.Episode(
        status=AlertStatus(present.status),
        starts_at=present.starts_at,
        is_worked_on=home is not None and home.is_live,
        is_held=home is None and present.silenced_by_id is None,
        is_start_told=present.is_start_told,
        told_at=present.told_at,
    )


def _without_one(heard: Heard, step: Step, last: Alert | None) -> Incident | None:
    new, newest = heard.new, newest_of(last)
    ended_at = last.ends_at if last is not None else None
    if step is Step.END_ALONE and (
        last is None or (new.is_start_told and ended_at is not None and new.starts_at > ended_at)
    ):
        episode.store(heard, service=None, did=Did.ENDED, newest=newest, came_late=True)
        return None
    if step in {Step.END_ALONE, Step.OVER}:  # it says of no episode, or of one that is over
        _nothing_new(heard, last)
        return None
    if ended_at is not None and new.at is not None and new.starts_at <= ended_at:
        # The start it tells is that of an earlier episode.
        heard = heard.as_(replace(new, starts_at=new.at, is_start_told=False))
    incident = episode.begin(heard, newest=newest)
    if incident is not None and new.status == AlertStatus.ACKNOWLEDGED:
        heard.turn.flush()
        _tell(incident, heard.integration, _words(new.status, "", new.title), {})
    return incident


def _nothing_new(heard: Heard, known: Alert | None) -> None:
    if known is not None:
        Alert.objects.filter(pk=known.pk).update(**marks(known, heard))
        note(heard, known, Did.REPEATED)


def _again(present: Alert, heard: Heard) -> Incident | None:
    """The same trouble told once more: little happens, unless its state or severity moved."""
    new, was, severity_was = heard.new, AlertStatus(present.status), present.severity
    changed: dict[str, object] = {"status": new.status, "last_seen_at": clock.now()}
    if life.says_severity(new):
        new, reason = episode.weigh(new, present.service, heard.turn)
        changed |= {
            "severity": new.severity,
            "severity_mapped": new.is_severity_mapped,
            "severity_reason": reason[:300],
        }
    changed |= marks(present, heard)
    Alert.objects.filter(pk=present.pk).update(times_seen=F("times_seen") + 1, **changed)
    present.refresh_from_db(fields=["status", "severity", "severity_reason"])
    note(heard.as_(new), present, *_what_moved(present, was, severity_was))
    if present.incident_id is None:
        comes_back = new.status in PRESENT and was not in PRESENT
        return episode.put(present, new, turn=heard.turn) if comes_back else None
    home = home_of(present)
    if home is None or not home.is_live:
        return None
    if was != new.status:
        words = _words(new.status, was, present.title)
        _tell(home, present.integration, words, episode.payload_of(present))
        _settle(home, heard.turn)
    if not life.says_severity(new):
        return home
    reason = f"the alert “{new.title}”"
    return incidents.raise_severity(incident=home, to=new.severity, reason=reason)


def _what_moved(present: Alert, was: str, severity_was: str) -> tuple[Touch.Did, str]:
    severity = f"{severity_was} → {present.severity}" if present.severity != severity_was else ""
    status = f"{was} → {present.status}" if present.status != was else ""
    if status:
        return Did.STATUS, ", ".join(part for part in (status, severity) if part)
    return (Did.SEVERITY, severity) if severity else (Did.REPEATED, "")


def _words(now: AlertStatus, was: str, title: str) -> str:
    match now:
        case AlertStatus.ACKNOWLEDGED:
            return (
                f"reported that somebody acknowledged “{title}” there; "
                "nobody has taken it on here by that"
            )
        case AlertStatus.SUPPRESSED:
            return f"reported that “{title}” is suppressed there: it is no longer waited for"
        case AlertStatus.NO_DATA:
            return f"has no data for “{title}” any more: that neither worsens nor resolves it"
        case _ if was == AlertStatus.ACKNOWLEDGED:
            return f"reported that “{title}” is no longer acknowledged there"
        case _:
            return f"reported that “{title}” fires again, as the same episode"


def _tell(incident: Incident, sender: Integration, text: str, payload: dict[str, str]) -> None:
    timeline.record(incident, Kind.ALERT, text, actor=sender.name, payload=payload)


def _clear(present: Alert, heard: Heard) -> Incident | None:
    _end(present, heard)
    home = home_of(present)
    if home is not None and home.is_live:
        if not present.is_flapping:
            timeline.record(
                home,
                Kind.ALERT,
                f"reported the end of “{present.title}”",
                actor=present.integration.name,
                at=min(present.ends_at or clock.now(), clock.now()),
                payload=episode.payload_of(present),
            )
        if flapping.look(present):
            flapping.tell(present)
        _settle(home, heard.turn)
    return home


def _settle(home: Incident, turn: Turn) -> None:
    settling.settle(home)
    turn.settled(home)


def _end(present: Alert, heard: Heard) -> None:
    new = heard.new
    told = {
        "status": AlertStatus.RESOLVED,
        "ends_at": max(new.ends_at or new.starts_at, present.starts_at),
        "last_seen_at": clock.now(),
        **marks(present, heard),
    }
    for name, value in told.items():
        setattr(present, name, value)
    present.save(update_fields=list(told))


def _ignore(heard: Heard, present: Alert) -> Incident | None:
    """An end from before the beginning: it belongs to an earlier episode, or a clock is wrong."""
    if heard.episodes.filter(starts_at=heard.new.starts_at).exists():
        note(heard, present, Did.LATE)
    else:
        episode.store(heard, service=present.service, did=Did.ENDED, came_late=True)
    return late.tell_ignored(heard, present)


def settle_quiet() -> None:
    """What the sweep does: flapping ends where it is quiet, and what all have left is resolved."""
    flapping.end_quiet()
    settling.settle_quiet()
