"""Alerts: the list with its filters, and one alert with its episodes and what was decided on it."""

import hashlib
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.htmx import render_partial
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import SavedView
from incidents.permissions import Permission
from incidents.queries import alerts as queries
from incidents.queries import touches
from incidents.queries.access import may, workspaces_of
from incidents.queries.saved_views import saved_views

# What both the polling tag and the page need; looked up once a request.
_pages: WeakKeyDictionary[HttpRequest, queries.AlertPage] = WeakKeyDictionary()
_alerts: WeakKeyDictionary[HttpRequest, dict[str, Any]] = WeakKeyDictionary()


def _page(request: HttpRequest) -> queries.AlertPage:
    """A fresh page, or the rows that a poll says it shows."""
    found = _pages.get(request)
    if found is None:
        given = request.GET
        found = queries.held(
            queries.AlertFilters.parse(given),
            request.user,
            shown=given.get("shown", ""),
            before=given.get("before", ""),
            has_more=given.get("more") == "yes",
        )
        _pages[request] = found
    return found


def _rows(request: HttpRequest) -> dict[str, Any]:
    """What the live part shows."""
    filters = queries.AlertFilters.parse(request.GET)
    before = request.GET.get("before", "")
    found = _page(request)
    is_bare = not found.rows and not filters.is_narrowed
    more = "yes" if found.next_cursor else ""
    return {
        "filters": filters,
        "rows": found.rows,
        "new": found.new,
        "most_new": queries.MOST_NEW,
        "views": [(key, label, filters.as_query(view=key)) for key, label in queries.VIEWS.items()],
        "fresh": filters.as_query(before=before),
        "query": filters.as_query(before=before, shown=found.shown, more=more),
        "next": found.next_cursor and filters.as_query(before=found.next_cursor),
        "has_any": not is_bare or queries.has_any(request.user),
        "tag": found.tag,
    }


def _tag(request: HttpRequest) -> str:
    return _page(request).tag


def alerts(request: HttpRequest) -> HttpResponse:
    context = _rows(request)
    context |= {
        "statuses": list(AlertStatus),
        "severities": list(Severity),
        "services": queries.services(request.user),
        "senders": queries.senders(request.user),
        "saved_views": saved_views(
            request.user, SavedView.Page.ALERTS, here=workspaces_of(request.user)
        ),
        "incident_key": queries.key_of_incident(context["filters"], request.user),
    }
    return render(request, "incidents/alerts.html", context)


@ptag(_tag)
def alert_rows(request: HttpRequest) -> HttpResponse:
    return render_partial(request, "incidents/alerts.html", "rows", _rows(request))


def _alert(request: HttpRequest, alert_id: UUID) -> dict[str, Any]:
    """What the page of an alert shows, with a tag that changes with any of it."""
    context = _alerts.get(request)
    if context is None:
        found = queries.visible_alert(request.user, alert_id)
        context = {
            "alert": found,
            "link": found.url if found.url.startswith(("https://", "http://")) else "",
            "episodes": queries.episodes_of(found),
            "touches": touches.of_alert(found),
            "decisions": queries.decisions_of(found),
        }
        context["tag"] = _tag_of(context)
        _alerts[request] = context
    return context


def _tag_of(context: dict[str, Any]) -> str:
    alert = context["alert"]
    shown = [
        [getattr(alert, name) for name in ("title", "description", "severity_reason", "url")],
        [getattr(alert, name) for name in ("labels", "annotations", "service_id")],
        [queries.moving_parts(episode) for episode in (alert, *context["episodes"])],
        [decision.pk for decision in context["decisions"]],
        [touch.pk for touch in context["touches"]],
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def alert(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    context = _alert(request, alert_id)
    may_silence = may(request.user, Permission.RESPOND, context["alert"].workspace)
    return render(request, "incidents/alert.html", context | {"may_silence": may_silence})


def _alert_tag(request: HttpRequest, alert_id: UUID) -> str:
    return str(_alert(request, alert_id)["tag"])


@ptag(_alert_tag)
def alert_live(request: HttpRequest, alert_id: UUID) -> HttpResponse:
    return render_partial(request, "incidents/alert.html", "live", _alert(request, alert_id))
