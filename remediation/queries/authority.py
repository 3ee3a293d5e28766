"""By whose right somebody decides on plans: a role of their own, or one that was lent to them."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from airra.lib import clock
from incidents.models import Membership, Workspace
from incidents.permissions import Permission, roles_with
from incidents.queries.access import AnyUser, may, workspaces_of
from remediation.models import Delegation


def running(now: datetime) -> QuerySet[Delegation]:
    """Neither over nor ended, and both people are still here."""
    return Delegation.objects.filter(
        ended_at__isnull=True,
        until__gt=now,
        delegator__is_active=True,
        delegate__is_active=True,
    ).select_related("delegator", "delegate", "workspace")


class Lent:
    """What one user has lent and borrowed that runs now. One query, and only if looked at."""

    def __init__(self, user: AnyUser) -> None:
        self.user = user
        self.now = clock.now()

    @cached_property
    def rows(self) -> list[Delegation]:
        if not isinstance(self.user, User):
            return []
        mine = Q(delegate=self.user) | Q(delegator=self.user)
        return list(running(self.now).filter(mine).order_by("until"))

    def lender_in(self, workspace: Workspace) -> User | None:
        """Who lent the right here and still has it by a role: what is borrowed is not lent on."""
        if not may(self.user, Permission.VIEW, workspace):
            return None
        for row in self.rows:
            borrowed = row.delegate_id == self.user.pk and row.workspace_id == workspace.pk
            if borrowed and may(row.delegator, Permission.APPROVE, workspace):
                return row.delegator
        return None

    def one_with_in(self, workspace_id: UUID) -> set[int]:
        """Whoever counts as the same person as this user, on whichever side of a delegation."""
        here = [row for row in self.rows if row.workspace_id == workspace_id]
        return {pk for row in here for pk in (row.delegator_id, row.delegate_id)} - {self.user.pk}

    def lenders_in(self, workspace_id: UUID) -> set[int]:
        return {
            row.delegator_id
            for row in self.rows
            if row.workspace_id == workspace_id and row.delegate_id == self.user.pk
        }


def voice_of(user: User, workspace: Workspace, lent: Lent | None = None) -> User | None:
    """The person whose right it is when this user decides here: a role of one's own goes first."""
    if may(user, Permission.APPROVE, workspace):
        return user
    return (lent or Lent(user)).lender_in(workspace)


@dataclass(frozen=True)
class DelegationRow:
    delegation: Delegation
    runs: bool
    may_end: bool


def delegations_in(workspaces: QuerySet[Workspace], user: User) -> list[DelegationRow]:
    """The last hundred that were made in these workspaces, newest first."""
    now = clock.now()
    found = Delegation.objects.filter(workspace__in=workspaces)
    people = ("workspace", "delegator", "delegate", "made_by", "ended_by")
    ruled = {place.pk for place in workspaces if may(user, Permission.ADMINISTER, place)}
    rows = []
    for each in found.select_related(*people).order_by("-made_at")[:100]:
        runs = each.ended_at is None and each.until > now
        own = user.pk in {each.delegator_id, each.delegate_id} or each.workspace_id in ruled
        rows.append(DelegationRow(each, runs, runs and own))
    return rows


def home_of(user: User) -> Workspace | None:
    """The workspace a form is about: the first where this user may decide."""
    for place in workspaces_of(user).order_by("name"):
        if may(user, Permission.APPROVE, place):
            return place
    return None


def lenders_for(user: User, workspace: Workspace) -> list[User]:
    """In whose name this user may lend: their own, or as an admin every approver's."""
    if not may(user, Permission.APPROVE, workspace):
        return []
    others = _members(workspace, may_approve=True) if _administers(user, workspace) else []
    return [user, *(other for other in others if other.pk != user.pk)]


def borrowers_in(workspace: Workspace) -> list[User]:
    """Members who may not decide by a role."""
    return _members(workspace, may_approve=False)


def _administers(user: User, workspace: Workspace) -> bool:
    return may(user, Permission.ADMINISTER, workspace)


def _members(workspace: Workspace, *, may_approve: bool) -> list[User]:
    roles = [str(role) for role in roles_with(Permission.APPROVE)]
    able = Membership.objects.filter(workspace=workspace, role__name__in=roles).values("user")
    here = User.objects.filter(
        is_active=True, is_superuser=False, pk__in=workspace.memberships.values("user")
    )
    found = here.filter(pk__in=able) if may_approve else here.exclude(pk__in=able)
    return list(found.order_by("username"))
