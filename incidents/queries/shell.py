"""What surrounds every page: the workspaces of this user, the roles held there, what is open."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from incidents.lifecycle import Severity
from incidents.models import Incident, Membership, Workspace
from incidents.permissions import ROLE_PERMISSIONS, Permission, Role, roles_with
from incidents.queries.access import AnyUser, workspaces_of


@dataclass(frozen=True)
class Desk:
    """One workspace as one user has it."""

    workspace: Workspace
    permissions: frozenset[Permission]
    live: int
    has_critical: bool
    waiting: int


def administered(user: AnyUser) -> QuerySet[Workspace]:
    """The workspaces whose settings this user may change."""
    if getattr(user, "is_superuser", False):
        return Workspace.objects.all()
    roles = [str(role) for role in roles_with(Permission.ADMINISTER)]
    key: Any = user.pk
    held = Membership.objects.filter(user_id=key, role__name__in=roles)
    return Workspace.objects.filter(pk__in=held.values("workspace"))


def count_of(rows: Subquery) -> Coalesce:
    """The number a grouped subquery yields, or zero."""
    return Coalesce(rows, 0, output_field=IntegerField())


def desks(user: AnyUser, *, waiting: Subquery) -> list[Desk]:
    """Every desk of the user in one query. `waiting` counts approvals, which this app cannot see.

    `waiting` may refer to the workspace as OuterRef("pk").
    """
    here = Incident.objects.open().filter(workspace=OuterRef("pk"))
    live = here.order_by().values("workspace").annotate(n=Count("pk")).values("n")
    key: Any = user.pk
    role = Membership.objects.filter(workspace=OuterRef("pk"), user_id=key)
    found = workspaces_of(user).annotate(
        role_name=Subquery(role.values("role__name")[:1]),
        live_count=count_of(Subquery(live)),
        has_critical=Exists(here.filter(severity=Severity.CRITICAL)),
        waiting_count=count_of(waiting),
    )
    return [
        Desk(
            workspace=row,
            permissions=_permissions(user, row.role_name),
            live=row.live_count,
            has_critical=row.has_critical,
            waiting=row.waiting_count,
        )
        for row in found.order_by("name")
    ]


def _permissions(user: AnyUser, role_name: str | None) -> frozenset[Permission]:
    if getattr(user, "is_superuser", False):
        return ROLE_PERMISSIONS[Role.ADMIN]
    if role_name not in set(Role):
        return frozenset()
    return ROLE_PERMISSIONS[Role(role_name)]
