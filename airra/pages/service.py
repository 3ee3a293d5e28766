"""One service: where it stands, what is around it, what watches it, what happened to it."""

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.queries.detectors import recent_anomalies
from incidents.queries import services, topology
from remediation.queries.runbooks import for_service


def service_page(request: HttpRequest, name: str) -> HttpResponse:
    found = services.visible_service(request.user, unquote(name))
    context = {
        "service": found,
        "topology": topology.around(found),
        "history": services.history(found),
        "anomalies": recent_anomalies(found),
        "runbooks": for_service(found),
    }
    return render(request, "incidents/service.html", context)
