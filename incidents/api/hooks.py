"""Where senders deliver: one address per integration, and what proves that a body is theirs.

Answers: 202 stored, 200 a repeat; 401 and 403 not proven, kept with the reason; where people wrote
the sender, 400 not JSON and 422 a wrong field, both kept. Not kept: 404, 405, 413, 415, 429, 503.
"""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from airra.lib.problem import problem
from incidents.api import limits
from incidents.api.bodies import Refused, body_of
from incidents.api.senders import envelope_of, integration_at
from incidents.commands import delivery as commands
from incidents.commands.taking import is_of_the_database
from incidents.ingest.alerts import Malformed
from incidents.ingest.trust.claims import Untrusted
from incidents.ingest.trust.judge import WITHOUT_TOKEN
from incidents.ingest.trust.signatures import HOW, UNSIGNED
from incidents.models import Integration

Kind = Integration.Kind
View = Callable[..., HttpResponse]

# Pushed elsewhere: at /otlp/… and at /v2/enqueue.
_NOT_HERE = frozenset({Kind.OTLP, Kind.PAGERDUTY_EVENTS})
_RETRY_S = 5
_MAX_ORIGIN = 253


def stored_or_503(view: View) -> View:
    """A database that is away, or takes no row, is no fault of the sender's: it may come back."""

    @wraps(view)
    def answered(request: HttpRequest, **named: object) -> HttpResponse:
        try:
            return view(request, **named)
        except (DatabaseError, InterfaceError) as error:
            if not is_of_the_database(error):
                raise
            answer = problem(503, "the delivery could not be stored: send it again")
            answer["Retry-After"] = str(_RETRY_S)
            return answer

    return answered


@csrf_exempt
@login_not_required
@stored_or_503
def receive(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """One delivery of one sender."""
    try:
        return _taken(request, integration_id)
    except Refused as no:
        answer = problem(no.status, str(no))
        for name, value in no.headers.items():
            answer[name] = value
        return answer


def _taken(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    if request.method not in {"POST", "OPTIONS"}:
        raise _not_this_way()
    integration = integration_at(integration_id)
    if request.method == "OPTIONS":
        return _handshake(request, integration)
    if integration is None or integration.kind in _NOT_HERE:
        raise Refused(404, "no active integration has this address")
    limits.admit(integration)
    body = body_of(request, most=integration.max_body_kib * 1024)
    receipt = commands.receive(
        integration=integration,
        body=body,
        envelope=envelope_of(request, integration),
        may_keep_untrusted=limits.may_keep_forgery(integration),
    )
    if receipt.untrusted is not None:
        limits.count_forgery(integration)
        return _not_proven(integration, receipt.untrusted)
    if receipt.malformed is not None:
        return _refusal(receipt.malformed, receipt.delivery.pk)
    told = {"delivery": str(receipt.delivery.pk), "repeat": receipt.is_repeat}
    return JsonResponse(told, status=200 if receipt.is_repeat else 202)


def _refusal(wrong: Malformed, delivery_id: UUID) -> HttpResponse:
    errors = [{"field": wrong.field, "message": str(wrong)}] if wrong.field else []
    status = 422 if wrong.field else 400
    return problem(status, str(wrong), errors=errors, delivery=str(delivery_id))


def _not_proven(integration: Integration, verdict: Untrusted) -> HttpResponse:
    """401 asks for a token, where one would do; 403 says why a signature does not, or is needed."""
    if verdict.is_signed or integration.kind in WITHOUT_TOKEN:
        return problem(403, verdict.reason)
    if verdict.reason == UNSIGNED:
        return problem(403, f"{verdict.reason}: {HOW[integration.kind]}")
    how = "send the token of this integration as 'Authorization: Bearer …'"
    answer = problem(401, f"{verdict.reason}: {how}")
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def _not_this_way() -> Refused:
    return Refused(405, "deliveries are sent with POST", Allow="POST")


def _handshake(request: HttpRequest, integration: Integration | None) -> HttpResponse:
    """The abuse protection of CloudEvents' webhooks: whoever asks may post, at this rate.

    Its callback address is never fetched.
    """
    origin = request.headers.get("WebHook-Request-Origin", "").strip()
    is_asked = bool(origin) and len(origin) <= _MAX_ORIGIN and origin.isascii()
    if integration is None or integration.kind != Kind.CLOUDEVENTS or not is_asked:
        raise _not_this_way()
    answer = HttpResponse(status=200)
    answer["Allow"] = "POST"
    answer["WebHook-Allowed-Origin"] = origin
    answer["WebHook-Allowed-Rate"] = str(integration.rate_per_min)
    return answer
