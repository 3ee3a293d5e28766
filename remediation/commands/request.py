"""Wishes for the executor process: written and closed here, carried out in `acting.request`."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from airra.lib import clock
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, timeline
from incidents.models import Incident, TimelineEvent
from remediation.commands.refusal import Refused
from remediation.models import PlanRequest

PATIENCE = timedelta(minutes=10)  # for an executor process that is down; then people may ask anew
_WISHES = {
    PlanRequest.Kind.ACTION: "the action asked for",
    PlanRequest.Kind.REVISE: "planning it anew",
    PlanRequest.Kind.DRY_RUN: "the dry run",
}


@transaction.atomic
def wish(
    *, incident: Incident, kind: PlanRequest.Kind, by: User | None, **about: Any
) -> PlanRequest:
    """The row that the executor process carries out. Raises `Refused` while another one waits."""
    try:
        with transaction.atomic():
            request = PlanRequest.objects.create(
                incident=incident, kind=kind, by=by, created_at=clock.now(), **about
            )
    except IntegrityError as error:
        msg = f"the target is being asked for {incident.key} already: wait for its answer"
        raise Refused("one_request", msg) from error
    audit.record(f"plan.asked_{kind}", target=incident, by=by, after={"request": str(request.pk)})
    enqueue(Job.ASK, request_id=str(request.pk))
    return request


@transaction.atomic
def refuse(request: PlanRequest, *, rule: str, text: str) -> None:
    """Close a wish that a rule, a target or time said no to; the one who asked reads why.

    Does nothing when somebody else has closed it.
    """
    try:
        close(request, PlanRequest.State.REFUSED, rule=rule, refusal=text)
    except Conflict:
        return
    timeline.record(
        request.incident,
        TimelineEvent.Kind.PLAN,
        f"{_WISHES[PlanRequest.Kind(request.kind)]} came to nothing: {text}",
        by=request.by,
        payload={"request": str(request.pk), "rule": rule},
    )


def close(request: PlanRequest, state: PlanRequest.State, **told: Any) -> None:
    """Waiting to done or refused, once: whoever closes it stores what came of it."""
    compare_and_set(
        request,
        "state",
        expect=PlanRequest.State.WAITING,
        to=state,
        finished_at=clock.now(),
        **told,
    )


def give_up(now: datetime) -> None:
    """Refuse what no executor process has answered in time, so that people may ask again."""
    late = PlanRequest.objects.filter(
        state=PlanRequest.State.WAITING, created_at__lte=now - PATIENCE
    )
    for request in late.select_related("incident", "by"):
        minutes = PATIENCE.seconds // 60
        refuse(request, rule="executor", text=f"no executor process answered in {minutes} min")
