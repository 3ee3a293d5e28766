"""What is stopped: the kill switch, its file, freeze windows.

It is read from the database and from the file each time, in the claim and right before the effect:
between that last look and the effect lie microseconds in which nothing can stop it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from airra.lib import clock
from incidents.models import Service, Workspace
from incidents.queries.access import AnyUser, workspaces_of
from remediation.decision.freeze import Window, why_frozen
from remediation.models import ActionEndpoint, Execution, FreezeWindow, KillSwitch, Plan, Step
from remediation.models.stops import KillSwitchQuerySet
from remediation.queries.catalogue import environment_of
from remediation.types import ExecutorKind

_FILE_READ = 300  # bytes of the file that are taken as its reason
Scope = KillSwitch.Scope


@dataclass(frozen=True)
class Place:
    """Where something is acted on, as stops know it; an environment nobody knows is empty."""

    workspace_id: UUID
    environment: str
    service: str
    kind: str
    endpoint_id: UUID


@dataclass(frozen=True)
class Stop:
    """One reason why AIRRA does not act. Without a switch it is the file."""

    what: str
    where: str
    reason: str
    actor: str = ""
    since: datetime | None = None
    switch: KillSwitch | None = None
    may_end: bool = False


def file_reason() -> str:
    """Why the file stops everything; empty while there is no such file.

    It needs neither the pages nor the database. What cannot be looked at stops too.
    """
    path = Path(settings.KILL_FILE)
    try:
        with path.open("rb") as file:
            said = file.read(_FILE_READ).decode(errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"the kill file cannot be read: {error.strerror}"
    return " ".join(said.split()) or "the kill file is there, without a reason"


def places_of(plan: Plan) -> list[Place]:
    """Where the plan acts, each of its steps: none is to begin what may not be finished."""
    found = [
        _place(plan.incident.workspace, step) for step in plan.steps.select_related("endpoint")
    ]
    return found or [_place(plan.incident.workspace, plan)]


def places_for(execution: Execution) -> list[Place]:
    """What may keep this execution back: all of its plan; for an undo only its own place.

    What was done must be possible to take back, whatever is stopped elsewhere.
    """
    if execution.kind == Execution.Kind.UNDO and execution.target is not None:
        return [_place(execution.plan.incident.workspace, execution.target.step)]
    return places_of(execution.plan)


def _place(workspace: Workspace, acting: Step | Plan) -> Place:
    environment = environment_of(workspace, acting.service_name)
    endpoint = acting.endpoint
    return Place(workspace.pk, environment, acting.service_name, endpoint.kind, endpoint.pk)


def switches_on(places: Collection[Place]) -> KillSwitchQuerySet:
    """The switches that hold any of the places."""
    found = KillSwitch.objects.none()
    for place in places:
        found |= KillSwitch.objects.stopping(
            workspace=place.workspace_id,
            environment=place.environment,
            kind=place.kind,
            endpoint=place.endpoint_id,
        )
    return found


def killed(places: Collection[Place]) -> str:
    """Why the kill switch, or its file, holds any of them; empty when nothing does."""
    switches = switches_on(places)[:3]
    return file_reason() or "; ".join(f"{switch.actor}: {switch.reason}" for switch in switches)


def frozen(places: Collection[Place], now: datetime) -> str:
    """The reasons of the freeze windows that any of them falls into now; empty when none does."""
    said = [
        why_frozen(
            windows_of(place.workspace_id),
            now,
            environment=place.environment,
            service=place.service,
        )
        for place in places
    ]
    return "; ".join(dict.fromkeys(filter(None, said)))


def stopped(execution: Execution) -> str:
    """Why nothing may be sent for it at this moment, in words; empty when it may."""
    places = places_for(execution)
    if said := killed(places):
        return f"the kill switch is on ({said})"
    if said := frozen(places, clock.now()):
        return f"a freeze window is open ({said})"
    return ""


def windows_of(workspace_id: UUID) -> list[Window]:
    rows = FreezeWindow.objects.filter(workspace_id=workspace_id).select_related("service")
    return [
        Window(
            reason=row.reason,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            weekly=row.is_weekly,
            environment=row.environment,
            service=row.service.name if row.service else "",
        )
        for row in rows
    ]


def value_in_words(switch: KillSwitch) -> str:
    """Which environment, kind or endpoint, by the name people know it by."""
    if switch.scope != Scope.ENDPOINT:
        return switch.value
    found = ActionEndpoint.objects.filter(pk=switch.value).values_list("name", flat=True)
    return found.first() or switch.value


def in_words(switch: KillSwitch) -> str:
    """What a switch stops: `everything`, `environment prod`, `endpoint shop`."""
    if switch.scope == Scope.ALL:
        return "everything"
    return f"{switch.scope} {value_in_words(switch)}"


def visible(user: AnyUser) -> KillSwitchQuerySet:
    """The switches of the user's workspaces and of the whole installation."""
    here = Q(workspace__in=workspaces_of(user)) | Q(workspace__isnull=True)
    return KillSwitch.objects.filter(here).select_related("workspace")


def stops_for(user: AnyUser, approves: Collection[UUID | None] = ()) -> list[Stop]:
    """Everything that is stopped; `approves` are the workspaces where this user may end it."""
    said = file_reason()
    found = [Stop("everything", "the whole installation", said)] if said else []
    is_root = bool(getattr(user, "is_superuser", False))
    found += [
        Stop(
            what=in_words(switch),
            where=switch.workspace.name if switch.workspace else "the whole installation",
            reason=switch.reason,
            actor=switch.actor,
            since=switch.since,
            switch=switch,
            may_end=is_root or switch.workspace_id in approves,
        )
        for switch in visible(user).on()
    ]
    return found


def lately_ended(user: AnyUser, *, limit: int = 10) -> list[KillSwitch]:
    return list(visible(user).filter(ended_at__isnull=False).order_by("-ended_at")[:limit])


def freezes_for(user: AnyUser) -> list[FreezeWindow]:
    """Windows that are open or still to come."""
    found = FreezeWindow.objects.filter(workspace__in=workspaces_of(user)).filter(
        Q(is_weekly=True) | Q(ends_at__gt=clock.now())
    )
    return list(found.select_related("service", "workspace")[:50])


def choices_in(workspace: Workspace) -> list[tuple[str, str]]:
    """What can be stopped in a workspace, as form values `scope|value` and their words."""
    services = Service.objects.filter(workspace=workspace, retired_at__isnull=True)
    names = services.exclude(environment="").values_list("environment", flat=True)
    endpoints = list(ActionEndpoint.objects.filter(workspace=workspace, is_enabled=True))
    kinds = sorted({str(endpoint.kind) for endpoint in endpoints})
    return [
        ("all|", "Everything"),
        *((f"environment|{n}", f"Environment {n}") for n in sorted(set(names.order_by()))),
        *((f"kind|{kind}", f"Executor kind {ExecutorKind(kind)}") for kind in kinds),
        *((f"endpoint|{e.pk}", f"Endpoint {e.name}") for e in endpoints),
    ]
