"""Makers: people with a role, services, incidents with a timeline, alerts."""

import itertools
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User

from airra.lib import clock
from incidents.lifecycle import Severity, State
from incidents.models import (
    DEFAULT_WORKSPACE,
    Alert,
    Delivery,
    Incident,
    Integration,
    Membership,
    Service,
    ServiceDependency,
    Silence,
    TimelineEvent,
    Touch,
    Workspace,
)
from incidents.permissions import Role

_serial = itertools.count(1)


def workspace(slug: str = DEFAULT_WORKSPACE) -> Workspace:
    found, _ = Workspace.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})
    return found


def person(
    role: Role | None = Role.RESPONDER,
    *,
    username: str = "",
    first_name: str = "",
    last_name: str = "",
    place: Workspace | None = None,
    **fields: Any,
) -> User:
    """A user with one role in one workspace; `role` None leaves them outside of every one."""
    name = username or f"{role or 'outsider'}{next(_serial)}"
    user = User.objects.create_user(
        name, password="correct horse", first_name=first_name, last_name=last_name, **fields
    )
    if role is not None:
        group, _ = Group.objects.get_or_create(name=role)
        Membership.objects.create(workspace=place or workspace(), user=user, role=group)
    return user


def service(name: str = "payments", *, place: Workspace | None = None, **fields: Any) -> Service:
    found, _ = Service.objects.get_or_create(
        workspace=place or workspace(), name=name, defaults=fields
    )
    return found


def shop(place: Workspace | None = None) -> dict[str, Service]:
    """Six services and who calls whom."""
    names = ("gateway", "checkout", "payments", "inventory", "search", "database")
    made = {name: service(name, place=place, owner=f"team-{name}") for name in names}
    for caller, callee in (
        ("gateway", "checkout"),
        ("gateway", "search"),
        ("checkout", "payments"),
        ("checkout", "inventory"),
        ("payments", "database"),
        ("inventory", "database"),
    ):
        ServiceDependency.objects.get_or_create(caller=made[caller], callee=made[callee])
    return made


def incident(
    *,
    title: str = "payments: memory 912 MiB, p99 latency 4.1 s",
    severity: Severity = Severity.HIGH,
    state: State = State.OPEN,
    about: Service | None = None,
    place: Workspace | None = None,
    age_s: float = 240,
    **fields: Any,
) -> Incident:
    """An incident in any state, with what its constraints ask for, and its first event."""
    where = place or workspace()
    number = where.last_incident_number + 1
    Workspace.objects.filter(pk=where.pk).update(last_incident_number=number)
    opened = clock.now() - timedelta(seconds=age_s)
    ended = state in {State.RESOLVED, State.CLOSED}
    made = Incident.objects.create(
        workspace=where,
        number=number,
        title=title,
        severity=severity,
        state=state,
        source=fields.pop("source", Incident.Source.DETECTOR),
        service=about,
        grouping_key=fields.pop("grouping_key", f"test:{number}"),
        opened_at=opened,
        started_at=opened - timedelta(seconds=40),
        resolved_at=fields.pop("resolved_at", clock.now() if ended else None),
        **fields,
    )
    event(made, TimelineEvent.Kind.OPENED, f"opened {title}", age_s=age_s)
    return made


def event(
    about: Incident,
    kind: str,
    text: str,
    *,
    age_s: float = 0,
    by: User | None = None,
    actor: str = "AIRRA",
    learnt_after_s: float = 0,
    **payload: Any,
) -> TimelineEvent:
    at = clock.now() - timedelta(seconds=age_s)
    return TimelineEvent.objects.create(
        incident=about,
        kind=kind,
        text=text,
        author=by,
        actor=(by.get_full_name() or by.get_username()) if by else actor,
        at=at,
        recorded_at=at + timedelta(seconds=learnt_after_s),
        payload=payload,
    )


def alert(about: Incident, *, title: str = "High memory on payments", **fields: Any) -> Alert:
    sender, _ = Integration.objects.get_or_create(
        workspace=about.workspace,
        name="alertmanager",
        defaults={"kind": Integration.Kind.ALERTMANAGER},
    )
    number = next(_serial)
    delivery = Delivery.objects.create(
        integration=sender,
        identity=f"{number:064d}",
        body=b"{}",
        state=Delivery.State.PROCESSED,
    )
    made = Alert.objects.create(
        workspace=about.workspace,
        integration=sender,
        delivery=delivery,
        dedup_key=fields.pop("dedup_key", f"alert-{number}"),
        status=fields.pop("status", Alert.Status.FIRING),
        title=title,
        severity=fields.pop("severity", Severity.HIGH),
        service=about.service,
        starts_at=about.started_at,
        incident=about,
        **fields,
    )
    touch(made, delivery)
    return made


def touch(of: Alert, by: Delivery, did: str = Touch.Did.BEGAN, **fields: Any) -> Touch:
    """What a delivery did to an alert."""
    given = {"status": of.status, "at": of.starts_at, **fields}
    return Touch.objects.create(alert=of, delivery=by, did=did, **given)


def silence(*, place: Workspace | None = None, **fields: Any) -> Silence:
    """Active for an hour, over the alerts of one region."""
    now = clock.now()
    given: dict[str, Any] = {
        "reason": "Switch of the disks",
        "matchers": [{"label": "region", "op": "=", "value": "eu-1"}],
        "starts_at": now - timedelta(minutes=5),
        "ends_at": now + timedelta(hours=1),
    }
    return Silence.objects.create(workspace=place or workspace(), **given | fields)
