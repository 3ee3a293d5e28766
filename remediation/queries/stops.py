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
from remediation.models import ActionEndpoint, FreezeWindow, KillSwitch, Plan
from remediation.models.stops import KillSwitchQuerySet
from remediation.queries.catalogue import environment_of
from remediation.types import ExecutorKind

_FILE_READ = 300  # bytes of the file that are taken as its reason
Scope = KillSwitch.Scope


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


def why_killed(*, workspace_id: UUID, environment: str, kind: str, endpoint_id: UUID) -> str:
    """Who stopped such a target and why; empty when nobody did."""
    return file_reason() or _said(
        KillSwitch.objects.stopping(
            workspace=workspace_id, environment=environment, kind=kind, endpoint=endpoint_id
        )
    )


def switches_on(plan: Plan) -> KillSwitchQuerySet:
    """The switches that hold this plan."""
    return KillSwitch.objects.stopping(
        workspace=plan.incident.workspace_id,
        environment=environment_of(plan.incident.workspace, plan.service_name),
        kind=plan.endpoint.kind,
        endpoint=plan.endpoint_id,
    )


def killed(plan: Plan) -> str:
    """Why the kill switch, or its file, holds this plan; empty when it does not."""
    return file_reason() or _said(switches_on(plan))


def _said(switches: KillSwitchQuerySet) -> str:
    return "; ".join(f"{switch.actor}: {switch.reason}" for switch in switches[:3])


def frozen(plan: Plan, now: datetime) -> str:
    """The reason of the freeze window that this plan falls into now; empty when none is open."""
    place = plan.incident.workspace_id
    return why_frozen(
        windows_of(place),
        now,
        environment=environment_of(plan.incident.workspace, plan.service_name),
        service=plan.service_name,
    )


def stopped(plan: Plan) -> str:
    """Why nothing may be sent for this plan at this moment, in words; empty when it may."""
    if said := killed(plan):
        return f"the kill switch is on ({said})"
    if said := frozen(plan, clock.now()):
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
