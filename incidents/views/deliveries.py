"""Deliveries: what came, what became of it, and the body itself for those who may read it."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.htmx import redirect, render_partial, toast
from incidents.commands import delivery as commands
from incidents.commands import setting_aside, trial
from incidents.commands.proving import sent_headers
from incidents.ingest.formats.registry import FORMATS
from incidents.lifecycle import AlertStatus
from incidents.models import Delivery, Integration
from incidents.permissions import Permission
from incidents.queries import deliveries as queries
from incidents.queries import touches
from incidents.queries.access import may, permissions_of, require
from incidents.queries.integrations import visible_integration
from incidents.views.refusals import answers_refusals, person, writes


def deliveries(request: HttpRequest) -> HttpResponse:
    filters = queries.DeliveryFilters.parse(request.GET)
    found = queries.page(filters, request.user, before=request.GET.get("before", ""))
    senders = queries.senders(request.user)
    context = {
        "filters": filters,
        "rows": found.rows,
        "asks_for_replay": _asks_for_replay(filters, found),
        "replay": _refused_of(request, filters.integration, senders),
        "next": found.next_cursor and filters.as_query(before=found.next_cursor),
        "senders": senders,
        "states": queries.STATES,
        "searched": queries.SEARCHED,
    }
    return render(request, "incidents/deliveries.html", context)


def _asks_for_replay(filters: queries.DeliveryFilters, found: queries.DeliveryPage) -> bool:
    """Whether some of these rows, narrowed to what somebody looks for, were not read."""
    is_any = any(row.delivery.state in queries.NOT_READ for row in found.rows)
    return is_any and filters.is_narrowed


def _refused_of(
    request: HttpRequest, sender_id: str, senders: list[Integration]
) -> tuple[Integration, int] | None:
    """The one integration the list shows, and how many of its deliveries can be read again."""
    one = next((each for each in senders if str(each.pk) == sender_id), None)
    if one is None or not may(request.user, Permission.RESPOND, one.workspace):
        return None
    refused = queries.refused(one)
    return (one, refused) if refused else None


def _became(request: HttpRequest, found: Delivery) -> dict[str, object]:
    """What became of it, and what this user may do about it."""
    held = permissions_of(request.user, found.integration.workspace)
    may_respond = Permission.RESPOND in held
    shown = touches.of_delivery(found)
    return {
        "delivery": found,
        "touches": shown,
        "is_all": len(shown) < queries.SHOWN_ROWS,
        "changes": queries.changes_of(found),
        "may_read": may_respond,
        "may_replay": may_respond,
        "may_set_aside": may_respond and queries.is_asking(found),
        "why_not": queries.why_not_replayed(found),
        "may_map": Permission.ADMINISTER in held and _is_mapped(found),
        "is_test": queries.is_test(found),
        "is_live": any(each.alert.status != AlertStatus.RESOLVED for each in shown),
        "tag": queries.tag_of(found),
    }


def delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """The facts for everybody here; body and headers for who may respond."""
    found = queries.visible_delivery(request.user, delivery_id)
    context = _became(request, found)
    may_read = context["may_read"]
    is_kept = found.body_dropped_at is None
    context |= {
        "body": queries.body_of(found) if may_read and is_kept else None,
        "headers": sent_headers(found) if may_read else {},
    }
    return render(request, "incidents/delivery.html", context)


def _tag(request: HttpRequest, delivery_id: UUID) -> str:
    return queries.tag_of(queries.visible_delivery(request.user, delivery_id))


@ptag(_tag)
def live(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """What became of it by now."""
    found = queries.visible_delivery(request.user, delivery_id)
    return render_partial(request, "incidents/delivery.html", "became", _became(request, found))


@writes
def test(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """Let a test alert in; the page of its delivery shows what becomes of it."""
    sender = visible_integration(request.user, integration_id)
    try:
        receipt = trial.fire(integration=sender, by=person(request))
    except trial.CannotTry as error:
        toast(request, f"No test: {error}.", is_good=False)
        return redirect(request, "incidents:integration", sender.pk)
    return redirect(request, "incidents:delivery", receipt.delivery.pk)


@writes
def end_test(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    found = queries.visible_delivery(request.user, delivery_id)
    require(request.user, Permission.RESPOND, found.integration.workspace)
    try:
        trial.end(fired=found, by=person(request))
    except trial.CannotTry as error:
        toast(request, f"No end: {error}.", is_good=False)
    else:
        toast(request, "The end of the test is on its way.")
    return redirect(request, "incidents:delivery", found.pk)


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


@writes
def set_aside(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    found = queries.visible_delivery(request.user, delivery_id)
    if setting_aside.set_aside(delivery=found, by=person(request)):
        toast(request, "Set aside: it asks nobody any more, and is kept as long as any.")
    else:
        toast(request, "It asks nobody: it was read, waits, or was set aside.", is_good=False)
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
