"""Are people still reading what they approve? Measured from the votes, never asked.

Median and 90th percentile of the time to the first answer; how much nobody answered; approvals
given within five seconds of the diff, and without the diff on the screen at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from airra.lib import clock
from incidents.models import Workspace
from remediation.models import Approval, Vote

WEEK = timedelta(days=7)
TOO_MUCH_UNANSWERED = 0.3
FEW = 5  # below so many questions a share says nothing
HASTY_S = 5.0
_CLOSED = (
    Approval.State.APPROVED,
    Approval.State.REJECTED,
    Approval.State.RETURNED,
    Approval.State.EXPIRED,
)


@dataclass(frozen=True)
class Week:
    """Seven days of questions and answers."""

    since: datetime
    until: datetime
    asked: int  # that were answered or ran out
    unanswered: int
    answers_s: Sequence[float]  # from the question to its first answer, sorted
    approvals: int
    hasty: int
    unread: int

    @property
    def unanswered_share(self) -> float | None:
        return self.unanswered / self.asked if self.asked else None

    @property
    def hasty_share(self) -> float | None:
        return self.hasty / self.approvals if self.approvals else None

    @property
    def unread_share(self) -> float | None:
        return self.unread / self.approvals if self.approvals else None

    @property
    def median_s(self) -> float | None:
        return quantile(self.answers_s, 0.5)

    @property
    def p90_s(self) -> float | None:
        return quantile(self.answers_s, 0.9)

    @property
    def is_too_much(self) -> bool:
        """More than three of ten questions ran out."""
        return is_too_much(self.asked, self.unanswered)


def is_too_much(asked: int, unanswered: int) -> bool:
    return asked >= FEW and unanswered / asked > TOO_MUCH_UNANSWERED


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank quantile of sorted values; None of nothing."""
    if not ordered:
        return None
    rank = -(-len(ordered) * share // 1)  # the ceiling
    return ordered[max(0, int(rank) - 1)]


def weeks(workspaces: QuerySet[Workspace], *, count: int = 4) -> list[Week]:
    """The last weeks, newest first. Two queries."""
    now = clock.now()
    oldest = now - count * WEEK
    asked = [dict(row) for row in _closed(workspaces, oldest).values("requested_at", "state")]
    votes = list(_votes(workspaces, oldest))
    return [_week(asked, votes, now - (n + 1) * WEEK, now - n * WEEK) for n in range(count)]


def _closed(workspaces: QuerySet[Workspace], since: datetime) -> QuerySet[Approval]:
    return Approval.objects.filter(
        plan__incident__workspace__in=workspaces, requested_at__gte=since, state__in=_CLOSED
    )


def _votes(workspaces: QuerySet[Workspace], since: datetime) -> QuerySet[Vote, dict[str, Any]]:
    found = Vote.objects.filter(
        approval__plan__incident__workspace__in=workspaces, approval__requested_at__gte=since
    )
    return found.order_by("at").values(
        "approval_id", "approval__requested_at", "decision", "mode", "opened_diff_at", "at"
    )


def _week(
    asked: Sequence[dict[str, Any]],
    votes: Sequence[dict[str, Any]],
    since: datetime,
    until: datetime,
) -> Week:
    here = [row for row in asked if since <= row["requested_at"] < until]
    cast = [row for row in votes if since <= row["approval__requested_at"] < until]
    first: dict[object, float] = {}
    for row in cast:
        took = (row["at"] - row["approval__requested_at"]).total_seconds()
        first.setdefault(row["approval_id"], took)
    live = [r for r in cast if r["decision"] == Vote.Decision.APPROVE and r["mode"] == "live"]
    return Week(
        since=since,
        until=until,
        asked=len(here),
        unanswered=sum(row["state"] == Approval.State.EXPIRED for row in here),
        answers_s=sorted(first.values()),
        approvals=len(live),
        hasty=sum(_is_hasty(row) for row in live),
        unread=sum(row["opened_diff_at"] is None for row in live),
    )


def _is_hasty(vote: dict[str, Any]) -> bool:
    """Within five seconds of the diff, or of the question where there was no diff to open."""
    since = vote["opened_diff_at"] or vote["approval__requested_at"]
    return bool((vote["at"] - since).total_seconds() < HASTY_S)


def warning(workspaces: QuerySet[Workspace]) -> str:
    """What to say above the queue when more than three of ten went unanswered; else empty."""
    counted = _closed(workspaces, clock.now() - WEEK).aggregate(
        asked=Count("pk"), unanswered=Count("pk", filter=Q(state=Approval.State.EXPIRED))
    )
    asked, unanswered = counted["asked"], counted["unanswered"]
    if not is_too_much(asked, unanswered):
        return ""
    return (
        f"{unanswered} of {asked} questions of the last seven days ran out without an answer. "
        "Fewer and larger questions, or more people who may decide, would help."
    )
