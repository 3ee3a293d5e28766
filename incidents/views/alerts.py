"""Alerts: the list with its filters, and one alert with its episodes and what was decided on it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.htmx import render_partial
from incidents.lifecycle import AlertStatus, Severity
from incidents.permissions import Permission
from incidents.queries import alerts as queries
from incidents.queries.access import may


def _rows(request: HttpRequest) -> dict[str, Any]:
    """What the live part shows."""
    filters = queries.AlertFilters.parse(request.GET)
    before = request.GET.get("before", "")
    found = queries.page(filters, request.user, before=before)
    is_bare = not found.rows and not filters.is_narrowed
    return {
        "filters": filters,
        "rows": found.rows,
        "views": queries.VIEWS.items(),
        "query": filters.as_query(before=before),
        "next": found.next_cursor and filters.as_query(before=found.next_cursor),
        "has_any": not is_bare or queries.has_any(request.user),
        "tag": found.tag,
    }


def _tag(request: HttpRequest) -> str:
    filters = queries.AlertFilters.parse(request.GET)
    return queries.page(filters, request.user, before=request.GET.get("before", "")).tag


def alerts(request: HttpRequest) -> HttpResponse:
    context = _rows(request) | {
        "statuses": list(AlertStatus),
        "severities": list(Severity),
        "services": queries.services(request.user),
        "senders": queries.senders(request.user),
    }
    return render(request, "incidents/alerts.html", context)


@ptag(_tag)
def alert_rows(request: HttpRequest) -> HttpResponse:
    return render_partial(request, "incidents/alerts.html", "rows", _rows(request))


def alert(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    found = queries.visible_alert(request.user, alert_id)
    context = {
        "alert": found,
        "link": found.url if found.url.startswith(("https://", "http://")) else "",
        "episodes": queries.episodes_of(found),
        "decisions": queries.decisions_of(found),
        "may_silence": may(request.user, Permission.RESPOND, found.workspace),
    }
    return render(request, "incidents/alert.html", context)
