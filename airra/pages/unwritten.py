"""The answer when the database takes no audit row: what was asked for did not happen, and why."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from airra.lib.problem import problem
from incidents.commands.audit import is_unwritable

log = structlog.get_logger(__name__)


class UnwrittenMiddleware:
    """503 with the database's own words, on pages, in the settings and in the API alike."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not is_unwritable(error):
            return None
        log.error("audit_unwritable", path=request.path, error=str(error))
        why = str(error).partition("\n")[0][:300]
        if request.path.startswith("/api/"):
            return problem(503, f"nothing was done, because it could not be recorded: {why}")
        return render(request, "503.html", {"why": why}, status=503)
