"""What an alert does to the record: begins or ends an episode, and moves its incident along.

Called inside a transaction that holds the workspace's turn: one delivery of a workspace at a time,
so what is read here stays true until it is written. What an alert does that nobody has heard of is
written by its turn, with others; all else is written at once, after what waited before it.
"""

from dataclasses import replace

from django.db.models import F, Q

from airra.lib import clock
from incidents.commands import episode, flapping, settling, timeline
from incidents.commands import incident as incidents
from incidents.commands.flapping import home_of
from incidents.commands.turn import Turn
from incidents.ingest import life
from incidents.ingest.alerts import MAX_KEY, NewAlert
from incidents.ingest.life import PRESENT, Step
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, Delivery, Incident, Integration, TimelineEvent

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
    known = [] if turn.is_unheard(integration.pk, new.dedup_key) else _known(new, integration, turn)
    is_over = any(a.starts_at == new.starts_at and a.status == AlertStatus.RESOLVED for a in known)
    present = next((a for a in known if a.status != AlertStatus.RESOLVED), None)
    step = life.step(new, _episode(present), is_over=is_over)
    if step is Step.OVER:
        return None
    if present is None:
        return _without_one(new, step, integration, delivery, turn)
    match step:
        case Step.AFRESH:  # nobody told the end of the last one
            _end(present, new)
            return episode.begin(new, integration=integration, delivery=delivery, turn=turn)
        case Step.END:
            return _clear(present, new, turn)
        case Step.END_BEFORE:
            return _ignore(new, present, integration, delivery, turn)
        case _:
            return _again(present, new, turn)


def _known(new: NewAlert, integration: Integration, turn: Turn) -> list[Alert]:
    """Its live episode, and the very one it tells of."""
    turn.flush()
    episodes = Alert.objects.filter(integration=integration, dedup_key=new.dedup_key)
    found = episodes.filter(Q(starts_at=new.starts_at) | ~Q(status=AlertStatus.RESOLVED))
    return list(found.select_related("incident__merged_into", "service", "integration__workspace"))


def _episode(present: Alert | None) -> life.Episode | None:
    if present is None:
        return None
    home = home_of(present)
    return life.Episode(
        status=AlertStatus(present.status),
        starts_at=present.starts_at,
        is_worked_on=home is not None and home.is_live,
        is_held=home is None and present.silenced_by_id is None,
    )


def _without_one(
    new: NewAlert, step: Step, integration: Integration, delivery: Delivery | None, turn: Turn
) -> Incident | None:
    if step is Step.END_ALONE:
        mine = Alert.objects.filter(integration=integration, dedup_key=new.dedup_key)
        if not new.is_start_told and mine.exists():
            return None  # an end that says of no episode, told once more
        episode.store(new, integration=integration, delivery=delivery, service=None, turn=turn)
        return None
    incident = episode.begin(new, integration=integration, delivery=delivery, turn=turn)
    if incident is not None and new.status == AlertStatus.ACKNOWLEDGED:
        turn.flush()
        _tell(incident, integration, _words(new.status, "", new.title), {})
    return incident


def _again(present: Alert, new: NewAlert, turn: Turn) -> Incident | None:
    """The same trouble told once more: little happens, unless its state or severity moved."""
    was = AlertStatus(present.status)
    changed: dict[str, object] = {"status": new.status, "last_seen_at": clock.now()}
    says_severity = bool(new.severity_word) or new.is_severity_mapped
    if new.status in PRESENT and says_severity:
        new, reason = episode.weigh(new, present.service, turn)
        changed |= {
            "severity": new.severity,
            "severity_mapped": new.is_severity_mapped,
            "severity_reason": reason[:300],
        }
    Alert.objects.filter(pk=present.pk).update(times_seen=F("times_seen") + 1, **changed)
    present.refresh_from_db(fields=["status", "severity", "severity_reason"])
    if present.incident_id is None:
        comes_back = new.status in PRESENT and was not in PRESENT
        return episode.put(present, new, turn=turn) if comes_back else None
    home = home_of(present)
    if home is None or not home.is_live:
        return None
    if was != new.status:
        words = _words(new.status, was, present.title)
        _tell(home, present.integration, words, episode.payload_of(present))
        _settle(home, turn)
    if new.status not in PRESENT or not says_severity:
        return home
    reason = f"the alert “{new.title}”"
    return incidents.raise_severity(incident=home, to=new.severity, reason=reason)


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


def _clear(present: Alert, new: NewAlert, turn: Turn) -> Incident | None:
    _end(present, new)
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
        _settle(home, turn)
    return home


def _settle(home: Incident, turn: Turn) -> None:
    settling.settle(home)
    turn.settled(home)


def _end(present: Alert, new: NewAlert) -> None:
    present.status = AlertStatus.RESOLVED
    present.ends_at = max(new.ends_at or new.starts_at, present.starts_at)
    present.last_seen_at = clock.now()
    present.save(update_fields=["status", "ends_at", "last_seen_at"])


def _ignore(
    new: NewAlert,
    present: Alert,
    integration: Integration,
    delivery: Delivery | None,
    turn: Turn,
) -> Incident | None:
    """An end from before the beginning: it belongs to an earlier episode, or a clock is wrong."""
    if new.starts_at != present.starts_at:
        service = present.service
        episode.store(new, integration=integration, delivery=delivery, service=service, turn=turn)
    home = home_of(present)
    if home is not None and home.is_live:
        text = (
            f"reported an end of “{present.title}” at {new.ends_at:%F %T} UTC, which is ignored: "
            f"the present episode began later, at {present.starts_at:%F %T} UTC"
        )
        _tell(home, integration, text, episode.payload_of(present))
    return home


def settle_quiet() -> None:
    """What the sweep does: flapping ends where it is quiet, and what all have left is resolved."""
    flapping.end_quiet()
    settling.settle_quiet()
