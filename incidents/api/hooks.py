"""Where senders deliver: one address and one token per integration.

Answers: 202 stored and understood; 200 a repeat; 400 not JSON and 422 a wrong field, both kept;
401 without the right token, 404 unknown, 405, 413: not kept.
"""

from uuid import UUID

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from airra.lib.problem import problem
from incidents.api.senders import integration_at, is_from
from incidents.commands import delivery as commands
from incidents.ingest.alerts import Malformed
from incidents.models import Integration


def _refusal(wrong: Malformed, delivery_id: UUID) -> HttpResponse:
    errors = [{"field": wrong.field, "message": str(wrong)}] if wrong.field else []
    status = 422 if wrong.field else 400
    return problem(status, str(wrong), errors=errors, delivery=str(delivery_id))


@csrf_exempt
@login_not_required
def receive(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    """One delivery of one sender."""
    if request.method != "POST":
        answer = problem(405, "deliveries are sent with POST")
        answer["Allow"] = "POST"
        return answer
    integration = integration_at(integration_id)
    if integration is None or integration.kind == Integration.Kind.OTLP:
        return problem(404, "no active integration has this address")
    if not is_from(integration, request):
        answer = problem(401, "send the token of this integration as 'Authorization: Bearer …'")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    try:
        body = request.body
    except RequestDataTooBig:
        return problem(413, "the body is larger than 4 MiB: send fewer alerts at a time")
    receipt = commands.receive(
        integration=integration,
        body=body,
        content_type=request.content_type or "",
        idempotency_key=request.headers.get("Idempotency-Key", ""),
    )
    if receipt.malformed is not None:
        return _refusal(receipt.malformed, receipt.delivery.pk)
    told = {"delivery": str(receipt.delivery.pk), "repeat": receipt.is_repeat}
    return JsonResponse(told, status=200 if receipt.is_repeat else 202)
