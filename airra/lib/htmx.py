"""Answers for htmx and for plain requests, from the same templates."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect


def is_htmx(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def render_partial(
    request: HttpRequest,
    template: str,
    partial: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """The part of a page that `{% partialdef partial %}` names, with the page's own context."""
    return render(request, f"{template}#{partial}", dict(context), status=status)


def toast(request: HttpRequest, text: str, *, is_good: bool = True) -> None:
    """A sentence shown once, on the next page this user sees."""
    (messages.success if is_good else messages.error)(request, text)


def redirect(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """See other: by header for htmx, which would otherwise swap the page into a fragment."""
    url = resolve_url(to, *args, **kwargs)
    return HttpResponseClientRedirect(url) if is_htmx(request) else HttpResponseRedirect(url)


def next_url(request: HttpRequest, default: str) -> str:
    """Where the form asked to return to, if that is a place of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours else resolve_url(default)
