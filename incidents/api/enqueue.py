"""Where senders of PagerDuty's Events API v2 post, once their address is changed to ours.

https://developer.pagerduty.com/docs/send-alert-event: the routing key in the body is the secret and
says whose event it is; the answers have PagerDuty's own shape.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from incidents.api import limits
from incidents.api.bodies import Refused, body_of
from incidents.api.hooks import stored_or_503
from incidents.api.senders import envelope_of, integration_with_key
from incidents.commands import delivery as commands
from incidents.commands.delivery import Receipt
from incidents.commands.proving import mark_of
from incidents.ingest.alerts import Malformed
from incidents.ingest.fields import Field, decode

MAX_BYTES = 512 * 1024
CHANGE = "change"  # as the format names the channel


@csrf_exempt
@login_not_required
@stored_or_503
def events(request: HttpRequest) -> HttpResponse:
    return _answer(request, "")


@csrf_exempt
@login_not_required
@stored_or_503
def changes(request: HttpRequest) -> HttpResponse:
    return _answer(request, CHANGE)


def _answer(request: HttpRequest, channel: str) -> HttpResponse:
    try:
        return _taken(request, channel)
    except Refused as no:
        return _wrong(no.status, str(no), no.headers)
    except Malformed as wrong:
        return _wrong(400, str(wrong), {})


def _taken(request: HttpRequest, channel: str) -> HttpResponse:
    if request.method != "POST":
        raise Refused(405, "events are sent with POST", Allow="POST")
    body = body_of(request, most=MAX_BYTES)
    key = routing_key(body)
    integration = integration_with_key(key)
    if integration is None:
        raise Refused(400, "'routing_key' is not the key of an active integration")
    limits.admit(integration)
    envelope = replace(envelope_of(request, integration), channel=channel, token_mark=mark_of(key))
    receipt = commands.receive(
        integration=integration,
        body=without_key(body, key),
        envelope=envelope,
        may_keep_untrusted=limits.may_keep_forgery(integration),
    )
    if receipt.untrusted is not None:
        limits.count_forgery(integration)
        raise Refused(400, f"'routing_key': {receipt.untrusted.reason}")
    if receipt.malformed is not None:
        raise receipt.malformed
    return _success(receipt, body, channel)


def routing_key(body: bytes) -> str:
    """The secret in an event. Raises `Malformed`."""
    place = Field("", decode(body))["routing_key"]
    return place.text() or place.refuse("the key of an integration of AIRRA")


def without_key(body: bytes, key: str) -> bytes:
    """The body with stars in the place of the key, for a secret is never stored."""
    stars = "*" * len(key)
    found = body.replace(key.encode(), stars.encode())
    if json.loads(found)["routing_key"] == stars:
        return found
    document = json.loads(body)  # the key was written with escapes
    return json.dumps({**document, "routing_key": stars}).encode()


def _success(receipt: Receipt, body: bytes, channel: str) -> HttpResponse:
    if channel == CHANGE:
        told = {"status": "success", "message": "Change event processed"}
        return JsonResponse(told, status=202)
    key = Field("", decode(body))["dedup_key"].text()
    if not key and receipt.batch is not None and receipt.batch.alerts:
        key = receipt.batch.alerts[0].dedup_key
    told = {"status": "success", "message": "Event processed", "dedup_key": key}
    return JsonResponse(told, status=202)


def _wrong(code: int, error: str, headers: Mapping[str, str]) -> JsonResponse:
    status = "throttle exceeded" if code == 429 else "invalid event"
    told = {"status": status, "message": "Event object is invalid", "errors": [error]}
    return JsonResponse(told, status=code, headers=dict(headers))
