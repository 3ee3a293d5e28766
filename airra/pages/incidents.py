"""The incident list: rows from incidents, each with its top cause from analysis."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib.htmx import render_partial
from airra.pages.context import shell_of
from analysis.queries import forecasts
from analysis.queries.detectors import has_connector
from analysis.queries.forecasts import Outlook
from analysis.queries.hypotheses import TopCause, top_causes
from incidents.lifecycle import Severity, State
from incidents.models import Incident, SavedView
from incidents.queries import incident_list as queries
from incidents.queries.saved_views import saved_views


@dataclass(frozen=True)
class ListRow:
    incident: Incident
    cause: TopCause | None
    outlook: Outlook | None  # when what is foretold is expected


def _rows(request: HttpRequest, filters: queries.Filters) -> dict[str, Any]:
    """What the live part shows: the tabs with their counts and one page of rows."""
    desks = shell_of(request).desks
    after = queries.Cursor.parse(request.GET.get("after", ""))
    page = queries.page(filters, request.user, desks, after=after)
    causes = top_causes([incident.pk for incident in page.rows])
    predicted = [incident.pk for incident in page.rows if incident.is_predicted]
    outlooks = forecasts.outlooks(predicted) if predicted else {}
    tabs = queries.tabs(request.user, desks)
    return {
        "filters": filters,
        "tabs": tabs,
        "rows": [ListRow(i, causes.get(i.pk), outlooks.get(i.pk)) for i in page.rows],
        "may_acknowledge": any(i.is_live and not i.acknowledged_at for i in page.rows),
        "query": request.GET.urlencode(),
        "next": page.next_cursor and filters.as_query(after=page.next_cursor),
        "is_first_page": after is None,
        "tag": _tag(request),
        **_emptiness(request, filters, tabs, is_empty=not page.rows),
    }


def _emptiness(
    request: HttpRequest, filters: queries.Filters, tabs: list[queries.Tab], *, is_empty: bool
) -> dict[str, Any]:
    """Nothing yet, nothing open and nothing that matches are three different things to say."""
    if not is_empty or filters.is_narrowed:
        return {}
    has_any = any(tab.count for tab in tabs)
    return {
        "has_any": has_any,
        "last_resolved_at": queries.last_resolved_at(request.user) if has_any else None,
        "is_connected": has_any or has_connector(request.user),
    }


def _tag(request: HttpRequest) -> str:
    """Every change leaves an event behind; what is foretold moves without one."""
    newest = f"{queries.newest_event_id(request.user)}.{shell_of(request).tag}"
    is_foretold = request.GET.get("view") == "predicted"
    return f"{newest}.{forecasts.newest_look(request.user)}" if is_foretold else newest


def incident_list(request: HttpRequest) -> HttpResponse:
    filters = queries.Filters.parse(request.GET)
    shell = shell_of(request)
    here = [desk.workspace.pk for desk in shell.desks]
    context = _rows(request, filters) | {
        "severities": list(Severity),
        "states": list(State),
        "services": queries.service_names(shell.desks),
        "people": queries.people(shell.desks),
        "saved_views": saved_views(request.user, SavedView.Page.INCIDENTS, here=here),
    }
    return render(request, "incidents/list.html", context)


@ptag(_tag)
def incident_rows(request: HttpRequest) -> HttpResponse:
    context = _rows(request, queries.Filters.parse(request.GET))
    return render_partial(request, "incidents/list.html", "rows", context)
