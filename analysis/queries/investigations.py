"""The investigations of an incident, newest first: the one that is shown, and those before it."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Count, Exists, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404

from analysis.models import Hypothesis, Investigation, ModelCall, SharedInvestigation
from analysis.types import CallStatus
from incidents.models import Incident
from incidents.queries.access import workspaces_of

FEW_LABELS = 10  # verdicts of people; below, a confidence is not calibrated here
_SHOWN = 20


def of(incident: Incident) -> Sequence[Investigation]:
    """Its own, then those of other incidents that answer for it too. One query.

    Each has `shared_reason`, why it answers for this incident ("" for its own), `labels`, how
    many hypotheses people have judged in the workspace, `cost_microusd`, and `is_unpriced`, whether
    the price of a call was not known.
    """
    shared = SharedInvestigation.objects.filter(
        investigation=OuterRef("pk"), incident=incident, released_at__isnull=True
    )
    place = "investigation__incident__workspace"
    judged = Hypothesis.objects.filter(**{place: incident.workspace_id}).exclude(verdict="")
    counted = judged.order_by().values(place).annotate(n=Count("pk")).values("n")
    found = (
        Investigation.objects.filter(Q(incident=incident) | Exists(shared))
        .annotate(
            shared_reason=Coalesce(Subquery(shared.values("reason")[:1]), Value("")),
            cost_microusd=cost(),
            is_unpriced=is_unpriced(),
            labels=Coalesce(Subquery(counted), Value(0)),
            is_anothers=Case(When(incident=incident, then=Value(0)), default=Value(1)),
        )
        .select_related("incident", "requested_by", "cancelled_by")
    )
    return list(found.order_by("is_anothers", "-created_at", "-pk")[:_SHOWN])


def cost() -> Coalesce:
    """What its calls to models cost, in millionths of a dollar."""
    calls = ModelCall.objects.filter(investigation=OuterRef("pk")).order_by()
    total = calls.values("investigation").annotate(sum=Sum("cost_microusd")).values("sum")
    return Coalesce(Subquery(total), Value(0))


def is_unpriced() -> Exists:
    """Whether its money is only a part: the price of a model that was asked is not known."""
    calls = ModelCall.objects.filter(investigation=OuterRef("pk"), is_priced=False)
    return Exists(calls.filter(status=CallStatus.SENT))


def one(user: AbstractBaseUser | AnonymousUser, investigation_id: UUID) -> Investigation:
    """An investigation of a workspace of this user; 404 otherwise."""
    found = Investigation.objects.annotate(
        cost_microusd=cost(), is_unpriced=is_unpriced()
    ).select_related("incident__workspace", "incident__service", "requested_by", "cancelled_by")
    return get_object_or_404(
        found, pk=investigation_id, incident__workspace__in=workspaces_of(user)
    )
