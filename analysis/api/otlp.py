"""Where senders push spans and logs: OTLP/HTTP, one address and one token per integration.

Answers as the specification says: 200, also when some records were not kept, which the body tells;
400 not readable; 401 without the right token; 404, 405, 413, 415; 429 when too much is kept.
"""

from collections.abc import Callable
from http import HTTPStatus
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from airra.lib import clock
from analysis.commands import pushed as commands
from analysis.ingest.otlp import answers, binary, text
from analysis.ingest.otlp.bodies import (
    Encoding,
    TooLarge,
    Unreadable,
    inflated,
    too_many_bytes,
)
from analysis.ingest.otlp.records import lines_of, spans_of
from incidents.api.senders import integration_at, is_from
from incidents.models import Integration


class _Refused(Exception):
    """A request that is not taken, with the status and headers that say why."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@csrf_exempt
@login_not_required
def traces(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    return _answered(request, integration_id, _take_spans)


@csrf_exempt
@login_not_required
def logs(request: HttpRequest, integration_id: UUID) -> HttpResponse:
    return _answered(request, integration_id, _take_lines)


def _take_spans(integration: Integration, body: bytes, encoding: Encoding) -> bytes:
    read = text.spans if encoding is Encoding.JSON else binary.spans
    now, oldest = clock.now().timestamp(), commands.oldest_kept().timestamp()
    batch = spans_of(read(body), now=now, oldest=oldest)
    commands.take_spans(integration=integration, spans=batch.kept)
    return answers.taken_spans(encoding, rejected=batch.rejected, why=batch.why)


def _take_lines(integration: Integration, body: bytes, encoding: Encoding) -> bytes:
    read = text.lines if encoding is Encoding.JSON else binary.lines
    now, oldest = clock.now().timestamp(), commands.oldest_kept().timestamp()
    batch = lines_of(read(body), now=now, oldest=oldest)
    commands.take_lines(integration=integration, lines=batch.kept)
    return answers.taken_lines(encoding, rejected=batch.rejected, why=batch.why)


def _answered(
    request: HttpRequest,
    integration_id: UUID,
    take: Callable[[Integration, bytes, Encoding], bytes],
) -> HttpResponse:
    """The answer to one request, in the encoding it is in; in JSON where that is neither."""
    is_binary = request.content_type == Encoding.BINARY
    encoding = Encoding.BINARY if is_binary else Encoding.JSON
    try:
        told = _taken(request, integration_id, encoding, take)
    except _Refused as no:
        body = answers.refused(encoding, str(no))
        return HttpResponse(body, encoding.value, status=no.status, headers=no.headers)
    return HttpResponse(told, encoding.value)


def _taken(
    request: HttpRequest,
    integration_id: UUID,
    encoding: Encoding,
    take: Callable[[Integration, bytes, Encoding], bytes],
) -> bytes:
    integration = _sender(request, integration_id)
    if request.content_type not in set(Encoding):
        msg = f"send {' or '.join(Encoding)}, not {request.content_type or 'an unnamed type'}"
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, msg[:200])
    try:
        return take(integration, _body(request), encoding)
    except Unreadable as error:
        raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    except TooLarge as error:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
    except commands.Full as error:
        wait = str(settings.SWEEP_INTERVAL_S)
        raise _Refused(HTTPStatus.TOO_MANY_REQUESTS, str(error), Retry_After=wait) from error


def _sender(request: HttpRequest, integration_id: UUID) -> Integration:
    """The integration that the request is from."""
    if request.method != "POST":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "send with POST", Allow="POST")
    integration = integration_at(integration_id)
    if integration is None or integration.kind != Integration.Kind.OTLP:
        msg = "no active integration for OpenTelemetry has this address"
        raise _Refused(HTTPStatus.NOT_FOUND, msg)
    if not is_from(integration, request):
        msg = "send the token of this integration as 'Authorization: Bearer …'"
        raise _Refused(HTTPStatus.UNAUTHORIZED, msg, WWW_Authenticate="Bearer")
    return integration


def _body(request: HttpRequest) -> bytes:
    """The body, inflated. Raises `Unreadable` and `TooLarge`."""
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise TooLarge(too_many_bytes(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)) from error
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        return body
    if coding != "gzip":
        msg = f"Content-Encoding should be gzip or left out, not {coding[:40]}"
        raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, msg, Accept_Encoding="gzip")
    return inflated(body)
