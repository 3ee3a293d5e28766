"""Errors of the API and the webhooks as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from django.http import JsonResponse


def problem(
    status: int, detail: str, *, errors: Sequence[Mapping[str, str]] = (), **more: object
) -> JsonResponse:
    """What went wrong, and in `errors` where: the field, and what was expected there."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **({"errors": [dict(error) for error in errors]} if errors else {}),
        **more,
    }
    return JsonResponse(document, status=status, content_type="application/problem+json")
