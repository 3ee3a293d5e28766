"""Stopping AIRRA and letting it go on, by a row of the database; see `queries.stops`."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import audit
from incidents.models import Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries.access import require
from remediation.commands.refusal import Refused
from remediation.models import KillSwitch
from remediation.types import ExecutorKind

Scope = KillSwitch.Scope


def stop(
    *,
    workspace: Workspace | None,
    scope: str,
    value: str = "",
    reason: str,
    by: User | None = None,
    actor: str = "",
) -> KillSwitch:
    """Stop what is in scope, at once. Stopping twice is no error: the first one stands.

    Without a workspace it is the whole installation's, which takes a superuser or the shell
    (`by` None and `actor` who it was). Raises `NotPermitted`, or `Refused` with what is wrong.
    """
    _require(by, workspace, Permission.RESPOND)
    if not reason.strip():
        raise Refused("reason", "say in a few words why everything should stop")
    value = _checked(workspace, scope, value.strip())
    try:
        with transaction.atomic():
            switch = KillSwitch.objects.create(
                workspace=workspace,
                scope=scope,
                value=value,
                reason=reason.strip()[:300],
                since=clock.now(),
                by=by,
                actor=_name(by, actor),
            )
            audit.record(
                "kill_switch.on",
                target=switch,
                by=by,
                actor=_name(by, actor),
                after={"scope": scope, "value": value},
                reason=switch.reason,
            )
    except IntegrityError:
        return KillSwitch.objects.on().get(workspace=workspace, scope=scope, value=value)
    return switch


@transaction.atomic
def start_again(
    *, switch: KillSwitch, reason: str, by: User | None = None, actor: str = ""
) -> KillSwitch:
    """Let it go on. Raises `NotPermitted`, `Refused`, or `Conflict` when somebody was faster."""
    _require(by, switch.workspace, Permission.APPROVE)
    if not reason.strip():
        raise Refused("reason", "say why it is safe to go on")
    ended = {
        "ended_at": clock.now(),
        "ended_by": by,
        "ended_actor": _name(by, actor),
        "ended_reason": reason.strip()[:300],
    }
    if KillSwitch.objects.on().filter(pk=switch.pk).update(**ended) != 1:
        raise Conflict(switch, "ended_at", "on")
    switch.refresh_from_db()
    audit.record(
        "kill_switch.off",
        target=switch,
        by=by,
        actor=_name(by, actor),
        before={"scope": switch.scope, "value": switch.value},
        reason=switch.ended_reason,
    )
    return switch


def _require(by: User | None, workspace: Workspace | None, permission: Permission) -> None:
    if by is None:
        return  # the shell of the server: whoever is there could do anything
    if workspace is not None:
        require(by, permission, workspace)
    elif not by.is_superuser:
        raise NotPermitted(Permission.ADMINISTER)


def _name(by: User | None, actor: str) -> str:
    return by.get_username() if by else actor or "AIRRA"


def _checked(workspace: Workspace | None, scope: str, value: str) -> str:
    """The value that goes with a scope. Raises `Refused`."""
    if scope not in set(Scope):
        raise Refused("scope", f"there is no scope {scope!r}; one of {', '.join(Scope)}")
    if scope == Scope.ALL:
        return ""
    if not value:
        raise Refused("value", f"say which {scope}")
    if scope == Scope.KIND and value not in set(ExecutorKind):
        raise Refused("value", f"no kind {value!r}; one of {', '.join(ExecutorKind)}")
    if scope == Scope.ENDPOINT:
        return _endpoint(workspace, value)
    return value[:40]


def _endpoint(workspace: Workspace | None, value: str) -> str:
    if workspace is None:
        raise Refused("value", "an endpoint belongs to a workspace: say which")
    for endpoint in workspace.action_endpoints.all():
        if value in {str(endpoint.pk), endpoint.name}:
            return str(endpoint.pk)
    raise Refused("value", f"no endpoint {value!r} in {workspace}")
