"""Deliveries read again by the many, each as one is by `delivery.replay`: judged by the same proof.

They are let in oldest first and read by the job that reads a workspace in the order of arrival,
so that an end does not overtake its beginning.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import User

from airra.lib.db import Conflict
from incidents.commands.delivery import CannotReplay, open_again, require_replayable, wake
from incidents.models import Delivery, Integration, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.queries.deliveries import asking

A_TURN = 200  # bodies are read while somebody waits for the answer
_REFUSED_A_TURN = 500
_HELD = 20  # bodies in memory at a time


@dataclass(frozen=True)
class Replayed:
    """How many could be read at last, how many were refused anew, and how many cannot be read."""

    read: int = 0
    refused: int = 0
    not_read: int = 0


def why_not(delivery: Delivery) -> str:
    """Why it cannot be read again; empty when it can. A forged one is judged anew for it."""
    try:
        require_replayable(delivery)
    except CannotReplay as error:
        return str(error)
    return ""


def replay_many(*, ids: Sequence[UUID], by: User) -> Replayed:
    """Read these again, in this order. What cannot be read stays as it is, and is counted.

    Raises `NotPermitted` before anything is done when one is in a workspace where `by` may not.
    """
    found = Delivery.objects.filter(pk__in=ids)
    places = Workspace.objects.filter(pk__in=found.order_by().values("integration__workspace"))
    for place in places:
        require(by, Permission.RESPOND, place)
    told = {"read": 0, "refused": 0, "not_read": 0}
    for part in _parts(ids):
        held = found.select_related("integration__workspace").in_bulk(part)
        for pk in part:
            if pk in held:
                told[_replayed(held[pk], by)] += 1
    if told["read"]:
        for place in places:
            wake(place.pk)
    return Replayed(**told)


def _replayed(delivery: Delivery, by: User) -> str:
    try:
        receipt = open_again(delivery, by=by)
    except (CannotReplay, Conflict):  # somebody else may have read it meanwhile
        return "not_read"
    return "read" if receipt.malformed is None else "refused"


def _parts(ids: Iterable[UUID]) -> Iterable[list[UUID]]:
    rest = iter(ids)
    while part := list(islice(rest, _HELD)):
        yield part


def replay_all_refused(*, integration: Integration, by: User) -> Replayed:
    """Read every refused delivery of a sender again, the oldest first, at most 500 at a time."""
    require(by, Permission.RESPOND, integration.workspace)
    refused = asking(integration).filter(body_dropped_at=None)
    oldest = refused.order_by("received_at", "id").values_list("pk", flat=True)
    return replay_many(ids=list(oldest[:_REFUSED_A_TURN]), by=by)
