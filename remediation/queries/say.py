"""Whether somebody may decide on a plan, and why or why not, in words.

One list of rules for the pages, the API and the command: what a screen says is what is enforced.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User

from airra.lib import clock
from incidents.permissions import Permission, roles_with
from incidents.queries.access import AnyUser
from remediation.models import Approval
from remediation.queries.authority import Lent
from remediation.types import RiskBand

NEEDS_MORE = (RiskBand.HIGH, RiskBand.EXTREME)  # a comment, and the password once more


@dataclass(frozen=True)
class Say:
    """Whether this user may decide, and why or why not, in words."""

    may: bool
    reason: str
    needs_step_up: bool = False


@dataclass(frozen=True)
class Objection:
    """A rule that stands against a decision of this person."""

    rule: str
    reason: str


def needs_step_up(approval: Approval) -> bool:
    """Whether going live asks for the password once more. A dry run changes nothing."""
    return approval.plan.risk_band in NEEDS_MORE


def say_of(
    approval: Approval,
    user: AnyUser,
    permissions: Collection[Permission],
    lent: Lent | None = None,
) -> Say:
    """The rules of approval as the screen explains them; the command enforces them again."""
    lent = lent or Lent(user)
    found = closed(approval) or _without_right(approval, permissions, lent)
    found = found or not_distinct(approval, user, lent)
    if found:
        return Say(may=False, reason=found.reason)
    return Say(
        may=True, reason=_why(approval, permissions, lent), needs_step_up=needs_step_up(approval)
    )


def closed(approval: Approval) -> Objection | None:
    """Nobody can decide any more, whoever asks."""
    if approval.state == Approval.State.VOID:
        why = approval.void_reason or "what it was about has changed"
        return Objection("state", f"This request is void: {why}.")
    if approval.state != Approval.State.PENDING:
        words = {"returned": "answered: changes were asked for"}.get(
            approval.state, f"already {approval.state}"
        )
        return Objection("state", f"This request is {words}.")
    if approval.expires_at <= clock.now():
        return Objection("expired", "This request has expired; ask for a new dry run.")
    return None


def not_distinct(approval: Approval, user: AnyUser, lent: Lent) -> Objection | None:
    """Who asks, who approves first and who approves second are different people."""
    askers = {approval.requested_by_id, approval.plan.requested_by_id} - {None}
    place = approval.plan.incident.workspace_id
    if user.pk in askers:
        text = "You asked for this action: whoever asks cannot approve it, somebody else must."
        return Objection("separation", text)
    if askers and askers & lent.lenders_in(place):
        text = "Who asked for this action lent you the right to decide: you cannot approve it."
        return Objection("separation", text)
    if approval.needed < 2 or approval.first_approver_id is None:
        return None
    earlier = {approval.first_approver_id, *_voices(approval)}
    if user.pk in earlier:
        text = "You gave the first of two approvals; the second must come from somebody else."
        return Objection("separation", text)
    if earlier & lent.one_with_in(place):
        text = (
            "You and who approved first count as one person, because one has lent the right to "
            "the other: somebody else must give the second approval."
        )
        return Objection("separation", text)
    return None


def _voices(approval: Approval) -> set[int]:
    return {pk for vote in approval.votes.all() for pk in (vote.by_id, vote.voice_id)}


def _without_right(
    approval: Approval, permissions: Collection[Permission], lent: Lent
) -> Objection | None:
    if Permission.APPROVE in permissions or lent.lender_in(approval.plan.incident.workspace):
        return None
    roles = " or ".join(roles_with(Permission.APPROVE))
    return Objection("role", f"You may not decide: it needs the role {roles}.")


def _why(approval: Approval, permissions: Collection[Permission], lent: Lent) -> str:
    if Permission.APPROVE in permissions:
        right = "you are an approver, and you did not ask for this"
    else:
        lender = lent.lender_in(approval.plan.incident.workspace)
        right = f"{name_of(lender)} lent you the right, and neither of you asked for this"
    if approval.needed > 1:
        which = "second" if approval.first_approver_id else "first"
        return f"Two people decide; yours is the {which} approval: {right}."
    return f"You may decide: {right}."


def name_of(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else "nobody"
