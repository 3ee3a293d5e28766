"""The signals of an incident: JSON for the charts, and the same as a table."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from analysis.queries import signals as queries
from incidents.permissions import Permission
from incidents.queries.access import may, visible_incident


def _span(request: HttpRequest) -> str:
    wanted = request.GET.get("range", "")
    return wanted if wanted in queries.RANGES else queries.DEFAULT_RANGE


def signals(request: HttpRequest, key: str) -> HttpResponse:
    incident = visible_incident(request.user, key)
    span = _span(request)
    context = {
        "incident": incident,
        "signals": queries.signals(incident, span=span),
        "ranges": list(queries.RANGES),
        "span": span,
        "may_tune": may(request.user, Permission.RESPOND, incident.workspace),
    }
    return render(request, "analysis/signals.html", context)


def signals_json(request: HttpRequest, key: str) -> JsonResponse:
    incident = visible_incident(request.user, key)
    return JsonResponse(queries.signals(incident, span=_span(request)).as_json())
