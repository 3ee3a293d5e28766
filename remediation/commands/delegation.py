"""Lending the right to decide on plans, and taking it back."""

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.db import compare_and_set
from incidents.commands import audit
from incidents.models import Workspace
from incidents.permissions import Permission
from incidents.queries.access import may, require
from remediation.commands.refusal import Refused
from remediation.models import Delegation

LONGEST = timedelta(days=30)


@transaction.atomic
def delegate(
    *, workspace: Workspace, delegator: User, to: User, until: datetime, reason: str, by: User
) -> Delegation:
    """Lend the right to decide: one's own, or as an admin another's. Raises `Refused`."""
    require(by, Permission.APPROVE if by == delegator else Permission.ADMINISTER, workspace)
    _check(workspace, delegator, to, until, reason)
    made = Delegation.objects.create(
        workspace=workspace,
        delegator=delegator,
        delegate=to,
        until=until,
        reason=reason.strip()[:200],
        made_by=by,
        made_at=clock.now(),
    )
    after = {
        "from": delegator.get_username(),
        "to": to.get_username(),
        "until": until.isoformat(timespec="seconds"),
    }
    audit.record("delegation.made", target=made, by=by, after=after, reason=made.reason)
    return made


def _check(workspace: Workspace, delegator: User, to: User, until: datetime, reason: str) -> None:
    now = clock.now()
    rules = (
        (delegator == to, "nobody lends a right to themselves"),
        (
            not may(delegator, Permission.APPROVE, workspace),
            f"{delegator.get_username()} has no right to decide here that could be lent",
        ),
        (
            not may(to, Permission.VIEW, workspace),
            f"{to.get_username()} is not in this workspace",
        ),
        (
            may(to, Permission.APPROVE, workspace),
            f"{to.get_username()} may decide here already: lending would make two people one",
        ),
        (until <= now, "say a moment to come"),
        (until > now + LONGEST, f"lend it for {LONGEST.days} days at most"),
        (not reason.strip(), "say why"),
    )
    for holds, text in rules:
        if holds:
            raise Refused("delegation", text)


@transaction.atomic
def end(*, delegation: Delegation, by: User) -> Delegation:
    """Take it back: who lent it, who has it, or an admin. Raises `Conflict` when it is over."""
    if by.pk not in {delegation.delegator_id, delegation.delegate_id}:
        require(by, Permission.ADMINISTER, delegation.workspace)
    compare_and_set(delegation, "ended_at", expect=None, to=clock.now(), ended_by=by)
    audit.record("delegation.ended", target=delegation, by=by)
    return delegation
