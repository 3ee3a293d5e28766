"""Deliveries: what came, what became of it, and the body itself for those who may read it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from incidents.models import Delivery
from incidents.permissions import Permission
from incidents.queries import deliveries as queries
from incidents.queries.access import may, require
from incidents.views.refusals import answers_refusals


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
    may_read = may(request.user, Permission.RESPOND, found.integration.workspace)
    is_kept = found.body_dropped_at is None
    context = {
        "delivery": found,
        "alerts": queries.alerts_of(found),
        "changes": queries.changes_of(found),
        "body": queries.body_of(found) if may_read and is_kept else None,
        "headers": found.headers if may_read else {},
    }
    return render(request, "incidents/delivery.html", context)


@answers_refusals
def body(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """The body as it came, to be saved: never shown by the browser, whatever it holds."""
    found = queries.visible_delivery(request.user, delivery_id)
    require(request.user, Permission.RESPOND, found.integration.workspace)
    answer = HttpResponse(bytes(found.body), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="delivery-{found.pk}.txt"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
