"""One service: where it stands, what is around it, what watches it, what happened to it."""

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from airra.pages.context import shell_of
from analysis.queries.detectors import recent_anomalies
from incidents.permissions import Permission
from incidents.queries import edges, services, topology
from remediation.queries.runbooks import for_service


def service_page(request: HttpRequest, name: str) -> HttpResponse:
    found = services.visible_service(request.user, unquote(name))
    held = shell_of(request).permissions.get(found.workspace_id, frozenset())
    context = {
        "service": found,
        "topology": topology.around(found),
        "edges": edges.edges_of(found),
        "may_edit": Permission.ADMINISTER in held,
        "history": services.history(found),
        "anomalies": recent_anomalies(found),
        "runbooks": for_service(found),
    }
    return render(request, "incidents/service.html", context)
