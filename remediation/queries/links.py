"""The link in a mail: it shows one person one question, and carries no right of its own.

Bound to the approval, its hash and its reader, for thirty minutes. Reading it changes nothing;
its digest goes into the vote, where it can stand only once.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.core import signing

from airra.lib import clock
from incidents.queries.access import AnyUser
from remediation.models import Approval, Vote

VALID_FOR = timedelta(minutes=30)
_LINK, _SEEN = "remediation.approval-link", "remediation.seen-diff"


class BadLink(Exception):
    """Not a link of ours, not for this person, too old, used, or about what has changed."""


@dataclass(frozen=True)
class Link:
    approval_id: UUID
    plan_hash: str
    digest: str


def link_for(approval: Approval, user: User) -> str:
    """The token of a link for this user; it ends with the approval, or sooner."""
    until = min(clock.now() + VALID_FOR, approval.expires_at)
    body = [str(approval.pk), approval.plan_hash, user.pk, until.timestamp()]
    return signing.dumps(body, salt=_LINK)


def read_link(token: str, user: AnyUser) -> Link:
    """What a token says to this user. Raises `BadLink`; touches nothing."""
    try:
        approval_id, plan_hash, user_id, until = signing.loads(token, salt=_LINK)
    except (signing.BadSignature, ValueError, TypeError) as error:
        msg = "This link is damaged or not ours."
        raise BadLink(msg) from error
    if user_id != user.pk:
        msg = "This link is for somebody else. Ask them, or find the question under Approvals."
        raise BadLink(msg)
    if until <= clock.now().timestamp():
        msg = "This link is over 30 minutes old, or its question has expired."
        raise BadLink(msg)
    digest = hashlib.sha256(token.encode()).hexdigest()
    if Vote.objects.filter(link=digest).exists():
        msg = "This link has been used: it acts once."
        raise BadLink(msg)
    return Link(UUID(approval_id), plan_hash, digest)


@dataclass(frozen=True)
class Seen:
    """What was on somebody's screen, and since when."""

    plan_hash: str
    at: float


def seen_now(approval: Approval, user: AnyUser) -> str:
    """A mark for the form: this person has had this plan's diff on the screen since now."""
    body = [str(approval.pk), approval.plan_hash, user.pk, clock.now().timestamp()]
    return signing.dumps(body, salt=_SEEN)


def read_seen(mark: str, approval: Approval, user: AnyUser) -> Seen | None:
    """None when the mark is missing, forged, or of another question or person."""
    try:
        approval_id, plan_hash, user_id, at = signing.loads(mark, salt=_SEEN)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if approval_id != str(approval.pk) or user_id != user.pk:
        return None
    return Seen(str(plan_hash), float(at))
