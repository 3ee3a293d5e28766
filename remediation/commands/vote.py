"""One person's answer to an approval, kept as a row of its own."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from structlog.contextvars import get_contextvars

from airra.lib import clock
from incidents.permissions import NotPermitted, Permission
from remediation.commands.refusal import Refused
from remediation.models import Approval, Vote
from remediation.queries.authority import Lent, voice_of
from remediation.types import Factor


@dataclass(frozen=True)
class Stand:
    """How somebody stands before the question: what proves who they are, and what they saw."""

    factor: Factor = Factor.SESSION
    saw_hash: str = ""  # of the plan on their screen; empty: they did not say
    opened_diff_at: datetime | None = None  # None: the diff was never on their screen
    link: str = ""  # digest of the link they came by


PLAIN = Stand()


@dataclass(frozen=True)
class Voter:
    """Somebody who may decide here, and by whose right."""

    user: User
    voice: User
    lent: Lent
    stand: Stand


def voter_of(approval: Approval, user: User, stand: Stand) -> Voter:
    """Raises `NotPermitted` unless a role, or what somebody lent, lets this user decide here."""
    lent = Lent(user)
    voice = voice_of(user, approval.plan.incident.workspace, lent)
    if voice is None:
        raise NotPermitted(Permission.APPROVE)
    return Voter(user, voice, lent, stand)


def cast(
    approval: Approval, voter: Voter, decision: Vote.Decision, *, comment: str, mode: str = ""
) -> Vote:
    """Write the vote, inside the transaction that acts on it. Raises `Refused` on a second one."""
    try:
        with transaction.atomic():
            return Vote.objects.create(
                approval=approval,
                plan_hash=approval.plan_hash,
                by=voter.user,
                voice=voter.voice,
                decision=decision,
                mode=mode,
                comment=comment,
                factor=voter.stand.factor,
                origin=str(get_contextvars().get("origin", ""))[:60],
                link=voter.stand.link,
                opened_diff_at=voter.stand.opened_diff_at,
                at=clock.now(),
            )
    except IntegrityError as error:
        if voter.stand.link and Vote.objects.filter(link=voter.stand.link).exists():
            raise Refused("link", "this link has been used: it acts once") from error
        msg = "you, or whose right you use, have answered this already"
        raise Refused("separation", msg) from error
