"""An episode of an alert: stored, weighed, and put into an incident unless a silence keeps it."""

from dataclasses import replace

from airra.lib import clock
from incidents.commands import flapping
from incidents.commands import incident as incidents
from incidents.commands.placing import place
from incidents.commands.touching import Heard, note
from incidents.commands.turn import Turn
from incidents.ingest import weight
from incidents.ingest.alerts import NewAlert
from incidents.ingest.life import PRESENT
from incidents.ingest.order import Newest
from incidents.lifecycle import SEVERITY_ORDER, AlertStatus, Severity
from incidents.models import (
    Alert,
    GroupingDecision,
    Incident,
    Service,
    Silence,
    Touch,
)
from incidents.queries.silences import words_of


def weigh(new: NewAlert, service: Service | None, turn: Turn) -> tuple[NewAlert, str]:
    """The alert with the severity that counts, and why. Asks nothing where nothing can change."""
    matters = service is not None and (
        not new.is_severity_mapped or service.tier == Service.Tier.CRITICAL
    )
    severity, reason = weight.settle(
        new.severity,
        word=new.severity_word,
        is_mapped=new.is_severity_mapped,
        standing=turn.standing(service) if matters and service is not None else None,
    )
    return replace(new, severity=severity), reason


def store(
    heard: Heard,
    *,
    service: Service | None,
    did: Touch.Did,
    newest: Newest | None = None,
    reason: str = "",
    came_late: bool = False,
) -> Alert:
    """Keep an episode that nobody works on, and note what told of it."""
    alert = _made(heard, service, newest, reason)
    alert.came_late = came_late
    heard.turn.keep(alert)
    note(heard, alert, did)
    return alert


def _made(heard: Heard, service: Service | None, newest: Newest | None, reason: str = "") -> Alert:
    now, new, integration = clock.now(), heard.new, heard.integration
    told = (newest or Newest()).with_(new.at, heard.received_at)
    return Alert(
        workspace=integration.workspace,
        integration=integration,
        delivery=heard.delivery,
        dedup_key=new.dedup_key,
        status=new.status,
        title=new.title,
        description=new.description,
        severity=new.severity,
        severity_mapped=new.is_severity_mapped,
        severity_reason=reason[:300],
        service=service,
        labels=dict(new.labels or {}),
        annotations=dict(new.annotations or {}),
        url=new.url,
        starts_at=new.starts_at,
        is_start_told=new.is_start_told,
        ends_at=new.ends_at,
        told_at=told.told_at,
        heard_at=told.heard_at,
        received_at=now,
        last_seen_at=now,
    )


def weighed(heard: Heard) -> tuple[Heard, Service | None, str]:
    """The word with the severity that counts, the service it names, and why it is so severe."""
    new, turn = heard.new, heard.turn
    service = turn.service(new.service) if new.service else None
    new, reason = weigh(new, service, turn)
    return heard.as_(new), service, reason


def begin(heard: Heard, *, newest: Newest | None = None) -> Incident | None:
    """A new episode. Returns the incident it was put into, if any."""
    heard, service, reason = weighed(heard)
    new, turn = heard.new, heard.turn
    alert = _made(heard, service, newest, reason)
    is_news, is_unheard = False, turn.is_unheard(heard.integration.pk, new.dedup_key)
    if not is_unheard:  # else it cannot be flapping
        turn.keep(alert)
        is_news = flapping.look(alert)
    incident = None
    if new.status in PRESENT:
        incident = put(alert, new, turn=turn)
    elif is_unheard:
        turn.keep(alert)
    note(heard, alert, Touch.Did.BEGAN)
    if is_news or (alert.is_flapping and not _is_one_more_turn(alert)):
        turn.flush()
        flapping.tell(alert)
    return incident


def put(
    alert: Alert, new: NewAlert, *, turn: Turn, after: Silence | None = None
) -> Incident | None:
    """Into an incident, or into the silence that covers it. `after`: one that has ended."""
    integration, service = alert.integration, alert.service
    silence = turn.silence_over(service=service, labels=words_of(alert, integration))
    if silence is not None:
        _keep_quiet(alert, silence, turn)
        return None
    placed = place(new, integration=integration, service=service, turn=turn)
    if after is not None:
        said = f"“{after.reason}” is over and it still fires: {placed.decision.reason}"
        placed.decision.reason = said[:300]
    alert.incident = placed.incident
    turn.keep(alert, "incident")
    turn.joined(alert)
    placed.record(alert, turn)
    if placed.incident is None:  # held until its rule has seen enough
        return None
    _tell(alert, new, placed.incident, placed.reason, turn)
    return placed.incident


def _tell(alert: Alert, new: NewAlert, incident: Incident, reason: str, turn: Turn) -> None:
    if not _is_one_more_turn(alert):
        weighed = "" if new.is_severity_mapped else f"; {alert.severity_reason}"
        turn.tell(
            incident,
            f"reported “{new.title}” ({reason}{weighed})",
            actor=alert.integration.name,
            at=min(new.starts_at, clock.now()),
            payload=payload_of(alert),
        )
    if SEVERITY_ORDER[new.severity] < SEVERITY_ORDER[Severity(incident.severity)]:
        turn.flush()
        incident.refresh_from_db(fields=["severity"])
        reason = f"the alert “{new.title}”"
        incidents.raise_severity(incident=incident, to=new.severity, reason=reason)
    turn.relies_on(incident, new.severity)


def _is_one_more_turn(alert: Alert) -> bool:
    """One of many of a flapping alert, in the incident that has been told so."""
    if not alert.is_flapping:
        return False
    before = Alert.objects.filter(
        integration=alert.integration_id, dedup_key=alert.dedup_key, incident=alert.incident_id
    )
    return before.exclude(pk=alert.pk).exists()


def payload_of(alert: Alert) -> dict[str, str]:
    found = {"alert": str(alert.pk)}
    return found | ({"delivery": str(alert.delivery_id)} if alert.delivery_id else {})


def _keep_quiet(alert: Alert, silence: Silence, turn: Turn) -> None:
    alert.silenced_by = silence
    turn.keep(alert, "silenced_by")
    turn.decided(
        GroupingDecision(
            alert=alert,
            means=GroupingDecision.Means.SILENCED,
            reason=f"{silence.get_kind_display().lower()} “{silence.reason}”"[:280]
            + f" until {silence.ends_at:%H:%M} UTC",
            facts={"silence": str(silence.pk)},
        )
    )


def as_told(alert: Alert) -> NewAlert:
    """A stored alert as if its sender told it now; its severity has been weighed already."""
    return NewAlert(
        dedup_key=alert.dedup_key,
        title=alert.title,
        severity=Severity(alert.severity),
        severity_word=alert.severity,
        is_severity_mapped=alert.severity_mapped,
        status=AlertStatus(alert.status),
        starts_at=alert.starts_at,
        ends_at=alert.ends_at,
        service=alert.service.name if alert.service else "",
        description=alert.description,
        labels=alert.labels,
        annotations=alert.annotations,
        url=alert.url,
    )
