"""Proving again who one is, before deciding on something risky."""

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from structlog.contextvars import get_contextvars

from airra.lib import clock
from incidents.commands import audit
from remediation.commands.refusal import Refused
from remediation.models import PasswordCheck

VALID_FOR = timedelta(minutes=5)
TRIES, WITHIN = 5, timedelta(minutes=15)


def prove(*, user: User, password: str, workspace_id: UUID) -> None:
    """Check the password once more. Raises `Refused`; every try leaves a row.

    The try is written before it is judged, so that many at once cannot outrun the count. Not in a
    transaction: a refusal must not take its own row back.
    """
    if not user.has_usable_password():
        msg = "your account has no password here, so you cannot prove again who you are"
        raise Refused("step_up", msg)
    now = clock.now()
    tried = PasswordCheck.objects.create(
        user=user, at=now, origin=str(get_contextvars().get("origin", ""))[:60]
    )
    failed = PasswordCheck.objects.filter(user=user, passed=False, at__gt=now - WITHIN)
    if failed.count() > TRIES:
        _record("step_up.blocked", user, workspace_id)
        minutes = WITHIN.total_seconds() / 60
        raise Refused("too_many", f"too many wrong passwords: wait {minutes:.0f} minutes")
    if not user.check_password(password):
        _record("step_up.failed", user, workspace_id)
        raise Refused("step_up", "the password is not right")
    _record("step_up.passed", user, workspace_id)  # first: what is not recorded has not passed
    PasswordCheck.objects.filter(pk=tried.pk).update(passed=True)


def _record(kind: str, user: User, workspace_id: UUID) -> None:
    audit.record(kind, target=user, by=user, workspace_id=workspace_id)
