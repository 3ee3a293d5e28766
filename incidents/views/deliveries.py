"""Deliveries: what came, what became of it, and the body itself for those who may read it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from airra.lib.htmx import redirect, toast
from incidents.commands import delivery as commands
from incidents.commands.proving import sent_headers
from incidents.ingest.formats.registry import FORMATS
from incidents.models import Delivery
from incidents.permissions import Permission
from incidents.queries import deliveries as queries
from incidents.queries.access import permissions_of, require
from incidents.views.refusals import answers_refusals, person, writes


def deliveries(request: HttpRequest) -> HttpResponse:
    filters = queries.DeliveryFilters.parse(request.GET)
    found = queries.page(filters, request.user, before=request.GET.get("before", ""))
    context = {
        "filters": filters,
        "rows": found.rows,
        "next": found.next_cursor and filters.as_query(before=found.next_cursor),
        "senders": queries.senders(request.user),
        "states": Delivery.State.choices,
    }
    return render(request, "incidents/deliveries.html", context)


def delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """The facts for everybody here; body and headers for who may respond."""
    found = queries.visible_delivery(request.user, delivery_id)
    held = permissions_of(request.user, found.integration.workspace)
    may_read = Permission.RESPOND in held
    is_kept = found.body_dropped_at is None
    context = {
        "delivery": found,
        "alerts": queries.alerts_of(found),
        "changes": queries.changes_of(found),
        "body": queries.body_of(found) if may_read and is_kept else None,
        "headers": sent_headers(found) if may_read else {},
        "may_replay": may_read,
        "why_not": queries.why_not_replayed(found),
        "may_map": Permission.ADMINISTER in held and _is_mapped(found),
    }
    return render(request, "incidents/delivery.html", context)


def _is_mapped(found: Delivery) -> bool:
    kind = found.integration.kind
    return kind in FORMATS and FORMATS[kind].is_mapped


@writes
def replay(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Read it again, with the mapping of today."""
    found = queries.visible_delivery(request.user, delivery_id)
    try:
        receipt = commands.replay(delivery=found, by=person(request))
    except commands.CannotReplay as error:
        toast(request, f"Not read again: {error}.", is_good=False)
    else:
        if receipt.malformed is None:
            toast(request, "Read again: this page shows what becomes of it.")
        else:
            toast(request, f"Refused again: {receipt.malformed}.", is_good=False)
    return redirect(request, "incidents:delivery", found.pk)


@answers_refusals
def body(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """The body as it came, to be saved: never shown by the browser, whatever it holds."""
    found = queries.visible_delivery(request.user, delivery_id)
    require(request.user, Permission.RESPOND, found.integration.workspace)
    answer = HttpResponse(bytes(found.body), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="delivery-{found.pk}.txt"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
