"""What a browser brings to a decision: whether its user signed in again, and what they saw."""

from datetime import UTC, datetime

from django.http import HttpRequest

from airra.lib import clock
from remediation.commands.step_up import VALID_FOR
from remediation.commands.vote import Stand
from remediation.models import Approval
from remediation.queries.links import read_seen
from remediation.types import Factor

_STAMP = "stepped_up"


def stamp(request: HttpRequest) -> None:
    """Remember in the session that its user has just proved who they are; under a new key."""
    request.session.cycle_key()
    request.session[_STAMP] = [request.user.pk, clock.now().timestamp()]


def factor_of(request: HttpRequest) -> Factor:
    """A stamp counts for its user, for five minutes, and not from the future."""
    found = request.session.get(_STAMP)
    if not isinstance(found, list) or len(found) != 2 or found[0] != request.user.pk:
        return Factor.SESSION
    age_s = clock.now().timestamp() - float(found[1])
    return Factor.STEP_UP if 0 <= age_s < VALID_FOR.total_seconds() else Factor.SESSION


def stand_of(request: HttpRequest, approval: Approval, *, link: str = "") -> Stand:
    seen = read_seen(request.POST.get("seen", ""), approval, request.user)
    return Stand(
        factor=factor_of(request),
        saw_hash=seen.plan_hash if seen else "",
        opened_diff_at=datetime.fromtimestamp(seen.at, UTC) if seen else None,
        link=link,
    )
