"""What requests pass: an id for the logs, a bound for waits, the content policy, a senders' way."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from structlog.contextvars import bound_contextvars

from airra.lib.ids import uuid7
from airra.lib.patience import answered_within

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,40}")

# No inline script or style anywhere, the admin included. Images may be `data:` for the admin's
# and the API pages' own icons; nothing is loaded from another host.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class RequestIdMiddleware:
    """Binds `request_id` and `origin`, the client's address, for logs and the audit record.

    An id that a proxy in front gave is kept. The address is the peer's: a forwarding header
    can be written by anybody, so the server (gunicorn) is what is told which proxies to trust.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else str(uuid7())
        origin = request.META.get("REMOTE_ADDR", "")
        with bound_contextvars(request_id=request_id, origin=origin):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class BoundWaitMiddleware:
    """Who asks is answered, and its thread is free again, although the database hangs.

    A job has nobody who waits, and goes on when the database does.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with answered_within(settings.DATABASE_ANSWERS_WITHIN_S):
            return self.get_response(request)


class ContentSecurityPolicyMiddleware:
    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        return response


class ReceiverMiddleware:
    """Hands deliveries straight to their view: a sender has no session, no form and no page.

    What stands behind it in `MIDDLEWARE` is for people. Only a view that says itself that it asks
    for no login is reached this way.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.RECEIVERS):
            return self.get_response(request)
        try:
            found = resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        if getattr(found.func, "login_required", True):
            return self.get_response(request)
        request.resolver_match = found
        answer: HttpResponseBase = found.func(request, *found.args, **found.kwargs)
        return answer
