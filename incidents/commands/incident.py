"""What can be done to an incident: each move is one compare-and-set with its two records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F

from airra.lib import clock, metrics
from airra.lib.db import compare_and_set
from incidents.commands import audit, timeline
from incidents.lifecycle import SEVERITY_ORDER, Severity, State, check_move
from incidents.models import Incident, Service, TimelineEvent, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.signals import incident_changed, incident_opened

Kind = TimelineEvent.Kind


def _next_number(workspace: Workspace) -> int:
    """The workspace row is the counter: the UPDATE holds it until commit, on both databases."""
    Workspace.objects.filter(pk=workspace.pk).update(
        last_incident_number=F("last_incident_number") + 1
    )
    return Workspace.objects.values_list("last_incident_number", flat=True).get(pk=workspace.pk)


def live_by_grouping_key(workspace: Workspace, grouping_key: str) -> Incident | None:
    return Incident.objects.live().filter(workspace=workspace, grouping_key=grouping_key).first()


def reported_key(title: str, service: str) -> str:
    """The same words about the same service are the same incident while it is open."""
    return f"reported:{service}:{' '.join(title.lower().split())}"[:200]


@transaction.atomic
def open_or_join(  # noqa: PLR0913 - an incident is born with all it is known by
    *,
    workspace: Workspace,
    title: str,
    severity: Severity,
    source: str,
    grouping_key: str,
    grouping_reason: str = "",
    service: Service | None = None,
    description: str = "",
    started_at: datetime | None = None,
    metrics_snapshot: Mapping[str, Any] | None = None,
    is_predicted: bool = False,
    by: User | None = None,
    actor: str = "AIRRA",
) -> tuple[Incident, bool]:
    """Open an incident, or return the live one with this grouping key; the flag says which.

    Two workers that try at once both end with the same incident: the database lets one in.
    """
    if by is not None:
        require(by, Permission.RESPOND, workspace)
    found = live_by_grouping_key(workspace, grouping_key)
    if found is not None:
        return found, False
    try:
        with transaction.atomic():
            incident = Incident.objects.create(
                workspace=workspace,
                number=_next_number(workspace),
                title=title[:200],
                description=description,
                severity=severity,
                source=source,
                service=service,
                grouping_key=grouping_key,
                grouping_reason=grouping_reason[:300],
                started_at=started_at or clock.now(),
                opened_at=clock.now(),
                metrics_snapshot=dict(metrics_snapshot or {}),
                is_predicted=is_predicted,
            )
    except IntegrityError:
        found = live_by_grouping_key(workspace, grouping_key)
        if found is None:
            raise
        return found, False
    why = f" ({grouping_reason})" if grouping_reason else ""
    word = "foresees" if is_predicted else "opened"
    timeline.record(incident, Kind.OPENED, f"{word} {title}{why}", by=by, actor=actor)
    audit.record("incident.opened", target=incident, by=by, actor=actor)
    if not is_predicted:  # it counts once it is there
        metrics.INCIDENTS_OPENED.labels(source=source, severity=severity).inc()
    incident_opened.send(sender=Incident, incident=incident)
    return incident, True


@transaction.atomic
def move(
    *,
    incident: Incident,
    to: State,
    text: str,
    kind: str = Kind.STATE,
    by: User | None = None,
    actor: str = "AIRRA",
    payload: Mapping[str, Any] | None = None,
    reason: str = "",
    **fields: Any,
) -> Incident:
    """Move to a state with its timeline row, audit row and author, in one transaction.

    Raises `IllegalMove` when the table forbids it and `Conflict` when somebody else was first.
    """
    current = State(incident.state)
    check_move(current, to)
    compare_and_set(incident, "state", expect=current, to=to, **fields)
    timeline.record(incident, kind, text, by=by, actor=actor, payload=payload)
    audit.record(
        f"incident.{to}",
        target=incident,
        by=by,
        actor=actor,
        before={"state": current},
        after={"state": to},
        reason=reason,
    )
    incident_changed.send(sender=Incident, incident=incident)
    return incident


@transaction.atomic
def acknowledge(*, incident: Incident, by: User) -> Incident:
    """Take the incident on. Raises `Conflict` if someone else already has.

    AIRRA may already be at work on it: then the state stays and only the name is recorded.
    """
    require(by, Permission.RESPOND, incident.workspace)
    fields: dict[str, Any] = {"acknowledged_by": by, "acknowledged_at": clock.now()}
    if incident.owner_id is None:
        fields["owner"] = by
    if incident.state == State.OPEN:
        return move(
            incident=incident,
            to=State.ACKNOWLEDGED,
            text="acknowledged",
            kind=Kind.ACKNOWLEDGED,
            by=by,
            **fields,
        )
    at = fields.pop("acknowledged_at")
    compare_and_set(incident, "acknowledged_at", expect=None, to=at, **fields)
    timeline.record(incident, Kind.ACKNOWLEDGED, "acknowledged", by=by)
    audit.record("incident.acknowledged", target=incident, by=by)
    incident_changed.send(sender=Incident, incident=incident)
    return incident


@transaction.atomic
def assign(*, incident: Incident, owner: User | None, by: User) -> Incident:
    """Make somebody the owner, or nobody. The owner must be able to respond here."""
    require(by, Permission.RESPOND, incident.workspace)
    if owner is not None:
        require(owner, Permission.RESPOND, incident.workspace)
    before = timeline.display_name(incident.owner) if incident.owner else ""
    Incident.objects.filter(pk=incident.pk).update(owner=owner)
    incident.owner = owner
    name = timeline.display_name(owner) if owner else ""
    text = f"assigned it to {name}" if owner else "took the owner off"
    timeline.record(incident, Kind.ASSIGNED, text, by=by)
    audit.record(
        "incident.assigned",
        target=incident,
        by=by,
        before={"owner": before},
        after={"owner": name},
    )
    incident_changed.send(sender=Incident, incident=incident)
    return incident


@transaction.atomic
def raise_severity(
    *, incident: Incident, to: Severity, reason: str, by: User | None = None
) -> Incident:
    """Make it more severe, never less; nothing happens when it already is."""
    current = Severity(incident.severity)
    if SEVERITY_ORDER[to] >= SEVERITY_ORDER[current]:
        return incident
    compare_and_set(incident, "severity", expect=current, to=to)
    timeline.record(
        incident, Kind.SEVERITY, f"raised severity from {current} to {to}: {reason}", by=by
    )
    audit.record(
        "incident.severity",
        target=incident,
        by=by,
        before={"severity": current},
        after={"severity": to},
        reason=reason,
    )
    return incident


@transaction.atomic
def attribute(*, incident: Incident, service: Service, reason: str) -> Incident:
    """Name another service as the affected one, and say why."""
    if incident.service_id == service.pk:
        return incident
    before = incident.service.name if incident.service else ""
    compare_and_set(incident, "service_id", expect=incident.service_id, to=service.pk)
    incident.service = service
    timeline.record(
        incident,
        Kind.ATTRIBUTED,
        f"moved the incident from {before or 'no service'} to {service.name}: {reason}",
    )
    audit.record(
        "incident.attributed",
        target=incident,
        before={"service": before},
        after={"service": service.name},
        reason=reason,
    )
    return incident


@transaction.atomic
def resolve(
    *,
    incident: Incident,
    resolution: str,
    by: User | None = None,
    actor: str = "AIRRA",
    payload: Mapping[str, Any] | None = None,
) -> Incident:
    """End the incident. A person may say so; AIRRA only on evidence, which `payload` names."""
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    resolved = move(
        incident=incident,
        to=State.RESOLVED,
        text=f"resolved: {resolution}",
        kind=Kind.RESOLVED,
        by=by,
        actor=actor,
        payload=payload,
        reason=resolution,
        resolved_at=clock.now(),
        resolution=resolution[:300],
    )
    if not incident.is_predicted:
        metrics.INCIDENTS_RESOLVED.labels(by="person" if by else "airra").inc()
    return resolved


@transaction.atomic
def reopen(*, incident: Incident, reason: str, by: User | None = None) -> Incident:
    """Bring a resolved incident back. Raises ValueError when a newer one has its grouping key."""
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    newer = live_by_grouping_key(incident.workspace, incident.grouping_key)
    if newer is not None and newer.pk != incident.pk:
        msg = f"{newer.key} is open for the same thing; work there, or merge the two"
        raise ValueError(msg)
    return move(
        incident=incident,
        to=State.OPEN,
        text=f"reopened: {reason}",
        kind=Kind.REOPENED,
        by=by,
        reason=reason,
        resolved_at=None,
        resolution="",
    )


@transaction.atomic
def close(*, incident: Incident, by: User) -> Incident:
    """File a resolved incident away: nothing moves it any more."""
    require(by, Permission.RESPOND, incident.workspace)
    return move(incident=incident, to=State.CLOSED, text="closed", by=by, closed_at=clock.now())


@transaction.atomic
def merge(
    *, incident: Incident, into: Incident, by: User | None = None, reason: str = ""
) -> Incident:
    """Make this incident part of another one of the same workspace.

    AIRRA itself does so only with what it foretold, when the trouble is already there.
    """
    if by is not None:
        require(by, Permission.RESPOND, incident.workspace)
    if into.pk == incident.pk or into.workspace_id != incident.workspace_id or not into.is_live:
        msg = f"{incident.key} cannot be merged into {into.key}: choose another live incident"
        raise ValueError(msg)
    why = f": {reason}" if reason else ""
    text = f"merged into {into.key}{why}"
    move(incident=incident, to=State.MERGED, text=text, by=by, merged_into=into)
    timeline.record(into, Kind.STATE, f"took in {incident.key} {incident.title}{why}", by=by)
    if not incident.is_predicted:  # what is only foretold weighs nothing on what is there
        reason = f"{incident.key} is part of it now"
        raise_severity(incident=into, to=Severity(incident.severity), reason=reason)
    return incident


@transaction.atomic
def turn_live(*, incident: Incident, reason: str) -> Incident:
    """What was foretold is there: from now on it counts as open, and as begun now.

    Raises `Conflict` when somebody else has turned it already.
    """
    now = clock.now()
    compare_and_set(incident, "is_predicted", expect=True, to=False, opened_at=now, started_at=now)
    timeline.record(incident, Kind.OPENED, f"turned what was foretold into a live one: {reason}")
    audit.record(
        "incident.turned_live",
        target=incident,
        before={"is_predicted": True},
        after={"is_predicted": False},
        reason=reason,
    )
    labels = {"source": incident.source, "severity": incident.severity}
    metrics.INCIDENTS_OPENED.labels(**labels).inc()
    incident_changed.send(sender=Incident, incident=incident)
    return incident
