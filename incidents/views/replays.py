"""What the list of deliveries shows, read again together: told first, then done by turns."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from airra.lib.htmx import redirect, toast
from airra.lib.quantities import count
from incidents.commands import replaying
from incidents.models import Delivery, Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries import deliveries as queries
from incidents.queries.access import may, workspaces_of
from incidents.views.refusals import answers_refusals, person


@dataclass(frozen=True)
class Turn:
    """The oldest of what was not read; `left` counts what comes after it."""

    good: list[Delivery]
    bad: list[tuple[Delivery, str]]
    left: int

    @property
    def last(self) -> str:
        """Where the next turn begins. An id tells the time."""
        ends = [*self.good[-1:], *(delivery for delivery, _ in self.bad[-1:])]
        return max(delivery.pk for delivery in ends).hex if ends else ""


def _turn(request: HttpRequest, filters: queries.DeliveryFilters, here: list[Workspace]) -> Turn:
    given = request.POST if request.method == "POST" else request.GET
    found = queries.not_read(filters, request.user, here=here, after=given.get("after", ""))
    total = found.count()
    rows = found.select_related("integration__workspace")
    oldest = list(rows.prefetch_related("integration__secrets")[: replaying.A_TURN])
    told = [(delivery, replaying.why_not(delivery)) for delivery in oldest]
    return Turn(
        good=[delivery for delivery, why in told if not why],
        bad=[(delivery, why) for delivery, why in told if why],
        left=total - len(oldest),
    )


@answers_refusals
def replay_shown(request: HttpRequest) -> HttpResponse:
    """How many the filter shows, what of it cannot be read and why; posted, it is done."""
    here = [w for w in workspaces_of(request.user) if may(request.user, Permission.RESPOND, w)]
    if not here:
        raise NotPermitted(Permission.RESPOND)
    filters = queries.DeliveryFilters.parse(
        request.POST if request.method == "POST" else request.GET
    )
    turn = _turn(request, filters, here)
    if request.method == "POST":
        return _done(request, filters, turn)
    context = {
        "filters": filters,
        "turn": turn,
        "a_turn": replaying.A_TURN,
        "after": request.GET.get("after", ""),
        "back": f"{reverse('incidents:deliveries')}?{filters.as_query()}",
    }
    return render(request, "incidents/deliveries_replay.html", context)


def _done(request: HttpRequest, filters: queries.DeliveryFilters, turn: Turn) -> HttpResponse:
    done = replaying.replay_many(ids=[row.pk for row in turn.good], by=person(request))
    skipped = len(turn.bad) + done.not_read
    if done.read:
        told = count(done.read, "delivery is", "deliveries are")
        toast(request, f"{told} being read again, in the order of arrival.")
    if done.refused:
        told = count(done.refused, "delivery was", "deliveries were")
        toast(request, f"{told} not understood again.", is_good=False)
    if skipped:
        told = count(skipped, "delivery", "deliveries")
        toast(request, f"{told} cannot be read again.", is_good=False)
    if not done.read and not done.refused and not skipped:
        toast(request, "None of them waits to be read again.")
    if turn.left:
        rest = urlencode({"after": turn.last})
        return redirect(
            request, f"{reverse('incidents:deliveries-replay')}?{filters.as_query()}&{rest}"
        )
    return redirect(request, f"{reverse('incidents:deliveries')}?{filters.as_query()}")
