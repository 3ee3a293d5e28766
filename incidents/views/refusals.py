"""How every write is called, and how its refusals are answered, the same way on every page."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from airra.lib.db import Conflict
from incidents.lifecycle import IllegalMove
from incidents.permissions import NotPermitted

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def person(request: HttpRequest) -> User:
    """Who asks. LoginRequiredMiddleware has let nobody else through."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def forbidden(request: HttpRequest, error: NotPermitted) -> HttpResponse:
    return render(request, "403.html", {"roles": error.roles, "reason": str(error)}, status=403)


def overtaken(request: HttpRequest, message: str, newer: object = "") -> HttpResponse:
    """409: the world moved between the look and the click; shows what it is now."""
    context = {
        "reason": message,
        "newer": newer if isinstance(newer, str) else "",
        "since": newer if isinstance(newer, datetime) else None,
        "back": request.headers.get("Referer") or request.path,
    }
    return render(request, "409.html", context, status=409)


def answers_refusals(view: View[P]) -> View[P]:
    """403 names the missing role, 409 shows the newer state. Nothing has changed in either."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except NotPermitted as error:
            return forbidden(request, error)
        except IllegalMove as error:
            return overtaken(request, str(error))
        except Conflict as error:
            return overtaken(request, "Somebody else was faster.", error.newer)

    return answered


def writes(view: View[P]) -> View[P]:
    """A view that changes something: POST only, refusals answered."""
    return require_POST(answers_refusals(view))
