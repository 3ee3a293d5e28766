"""Who may see and do what. Authorisation is the way you fetch: what is not yours is not found."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.http import Http404

from incidents.models import Incident, Membership, Workspace
from incidents.permissions import ROLE_PERMISSIONS, NotPermitted, Permission, Role

AnyUser = AbstractBaseUser | AnonymousUser


def workspaces_of(user: AnyUser, *, only: Workspace | None = None) -> QuerySet[Workspace]:
    """The workspaces this user is a member of, every one for a superuser; or of these just one."""
    if not isinstance(user, User) or not user.is_active:
        return Workspace.objects.none()
    found = Workspace.objects.all() if only is None else Workspace.objects.filter(pk=only.pk)
    return found if user.is_superuser else found.filter(memberships__user=user)


def roles_of(user: AnyUser, workspace: Workspace) -> set[Role]:
    if not isinstance(user, User) or not user.is_active:
        return set()
    if user.is_superuser:
        return {Role.ADMIN}
    held = Membership.objects.filter(user=user, workspace=workspace)
    names = held.values_list("role__name", flat=True)
    return {Role(name) for name in names if name in set(Role)}


def permissions_of(user: AnyUser, workspace: Workspace) -> frozenset[Permission]:
    held: frozenset[Permission] = frozenset()
    return held.union(*(ROLE_PERMISSIONS[role] for role in roles_of(user, workspace)))


def may(user: AnyUser, permission: Permission, workspace: Workspace) -> bool:
    return permission in permissions_of(user, workspace)


def require(user: AnyUser, permission: Permission, workspace: Workspace) -> None:
    """Raise `NotPermitted`, which names the roles that would do, unless the user may."""
    if not may(user, permission, workspace):
        raise NotPermitted(permission)


def visible_incident(user: AnyUser, key: str, *, workspace: Workspace | None = None) -> Incident:
    """The incident INC-142 of a workspace of this user, or of just this one; 404 otherwise.

    Numbers are counted per workspace: with several, the newest of the name is meant.
    """
    number = key.upper().removeprefix("INC-")
    visible = Incident.objects.visible_to(user).select_related("workspace", "service", "owner")
    if workspace is not None:
        visible = visible.filter(workspace=workspace)
    is_number = number.isdecimal() and len(number) < 10
    found = visible.filter(number=int(number) if is_number else -1).order_by("-opened_at").first()
    if found is None:
        msg = f"there is no incident {key[:40]} for you"
        raise Http404(msg)
    return found
