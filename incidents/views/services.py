"""The service list. A service's own page spans the apps and is composed in `airra.pages`."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from incidents.queries import services as queries


def services(request: HttpRequest) -> HttpResponse:
    return render(request, "incidents/services.html", {"rows": queries.rows(request.user)})
