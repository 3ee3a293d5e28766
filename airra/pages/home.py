"""The front door, and the rail that every page polls."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import ptag

from airra.pages.context import SECTIONS, shell_of


def home(request: HttpRequest) -> HttpResponse:
    return redirect("incidents:list")


def _tag(request: HttpRequest) -> str:
    return shell_of(request).tag


@ptag(_tag)
def rail(request: HttpRequest) -> HttpResponse:
    """The counts beside the page; `at` names the section the page belongs to."""
    at = request.GET.get("at", "")
    section = at if at in SECTIONS else ""
    return render(request, "components/rail.html", {"section": section})
