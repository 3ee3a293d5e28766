"""Approvals that wait, and those lately decided."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    IntegerField,
    OuterRef,
    Prefetch,
    QuerySet,
    Subquery,
    Value,
    When,
)

from airra.lib import clock
from incidents.permissions import Permission
from incidents.queries.access import AnyUser, workspaces_of
from remediation.models import Approval, StepTarget
from remediation.queries.authority import Lent
from remediation.queries.plan import asked_by
from remediation.queries.say import Say, say_of
from remediation.types import RiskBand

_RISK = Case(
    *(When(plan__risk_band=band, then=Value(-rank)) for rank, band in enumerate(RiskBand)),
    default=Value(0),
    output_field=IntegerField(),
)


@dataclass(frozen=True)
class QueueStep:
    """One step by its title, and on how many targets it acts."""

    title: str
    targets: int


@dataclass(frozen=True)
class QueueRow:
    approval: Approval
    say: Say
    asked_by: str
    steps: Sequence[QueueStep]


def waiting_per_workspace() -> Subquery:
    """How many approvals wait in the workspace OuterRef("pk")."""
    pending = Approval.objects.filter(
        plan__incident__workspace=OuterRef("pk"), state=Approval.State.PENDING
    )
    grouped = pending.order_by().values("plan__incident__workspace")
    return Subquery(grouped.annotate(n=Count("pk")).values("n"))


def _visible(user: AnyUser) -> QuerySet[Approval]:
    return Approval.objects.filter(
        plan__incident__workspace__in=workspaces_of(user)
    ).select_related(
        "plan__incident__service",
        "plan__incident__workspace",
        "requested_by",
        "decided_by",
        "first_approver",
    )


def waiting(user: AnyUser, permissions: Mapping[UUID, Collection[Permission]]) -> list[QueueRow]:
    """Soonest to expire first, then the riskier."""
    counted = Prefetch("plan__steps__targets", StepTarget.objects.only("step"))
    found = _visible(user).filter(state=Approval.State.PENDING)
    found = found.prefetch_related("votes", "plan__steps", counted)
    lent = Lent(user)
    return [
        QueueRow(
            approval=approval,
            say=say_of(
                approval, user, permissions.get(approval.plan.incident.workspace_id, ()), lent
            ),
            asked_by=asked_by(approval),
            steps=[QueueStep(s.title, len(s.targets.all())) for s in approval.plan.steps.all()],
        )
        for approval in found.order_by("expires_at", _RISK)
    ]


def decided(user: AnyUser, *, days: int = 7, limit: int = 20) -> list[Approval]:
    since = clock.now() - timedelta(days=days)
    found = _visible(user).exclude(state=Approval.State.PENDING).filter(requested_at__gte=since)
    return list(found.order_by("-requested_at")[:limit])


def tag(user: AnyUser) -> str:
    """Changes whenever an approval is asked for or decided."""
    pending = Approval.objects.filter(
        plan__incident__workspace__in=workspaces_of(user), state=Approval.State.PENDING
    ).values_list("pk", "first_approver_id")
    return "-".join(sorted(f"{pk.hex[-12:]}{first or ''}" for pk, first in pending)) or "none"
