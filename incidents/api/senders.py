"""Who delivers: the integration of an address, and what a request carries along."""

import time
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest

from airra.lib import clock
from incidents.commands import proving
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.trust.claims import Arrival, Trusted, by_token, digest_of, token_in
from incidents.ingest.trust.judge import is_kept_for_trust
from incidents.models import Integration, IntegrationSecret

_OF_HEADER = "HTTP_"  # how WSGI marks a header
_MOST_HEADERS = 60
_MAX_HEADER = 4000
_MOST_KNOWN = 1000
_known: dict[UUID, tuple[float, Integration]] = {}


def integration_at(integration_id: UUID) -> Integration | None:
    """The integration of this address, with its secrets, unless it is switched off.

    Read once in `SENDERS_KEPT_S`: a secret that is revoked holds for so long in other processes.
    """
    now = time.monotonic()
    read_at, known = _known.get(integration_id, (0.0, None))
    if known is not None and now - read_at < settings.SENDERS_KEPT_S:
        return known
    found = Integration.objects.select_related("workspace").prefetch_related("secrets")
    integration = found.filter(pk=integration_id, is_active=True).first()
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    if integration is not None:
        _known[integration_id] = (now, integration)
    else:
        _known.pop(integration_id, None)
    return integration


def integration_with_key(routing_key: str) -> Integration | None:
    """Whose routing key this is, even one that has run out; nobody's when it is none of ours."""
    found = IntegrationSecret.objects.select_related("integration__workspace").filter(
        digest=digest_of(routing_key),
        integration__kind=Integration.Kind.PAGERDUTY_EVENTS,
        integration__is_active=True,
    )
    secret = found.first()
    return secret.integration if secret else None


def is_from(integration: Integration, request: HttpRequest) -> bool:
    """Whether the request carries a token of the integration that still holds."""
    mark = proving.mark_of(token_in(_lowered(request)))
    verdict = by_token(Arrival(b"", clock.now(), token_mark=mark), proving.held_by(integration))
    if isinstance(verdict, Trusted):
        proving.note_use(integration, verdict)
    return isinstance(verdict, Trusted)


def envelope_of(request: HttpRequest, integration: Integration) -> proving.Envelope:
    """What came with the body, of that what is kept; a token only as its mark."""
    given = _lowered(request)
    return proving.Envelope(
        content_type=given.get("content-type", "")[:100],
        headers=_kept(given, integration.kind),
        remote=str(request.META.get("REMOTE_ADDR", "")),
        token_mark=proving.mark_of(token_in(given)),
    )


def _lowered(request: HttpRequest) -> dict[str, str]:
    """The headers by their names in lower case; `request.headers` costs thrice as much."""
    found = {
        name[len(_OF_HEADER) :].replace("_", "-").lower(): value
        for name, value in request.META.items()
        if name.startswith(_OF_HEADER)
    }
    return {**found, "content-type": request.META.get("CONTENT_TYPE", "")}


def _kept(given: dict[str, str], kind: str) -> dict[str, str]:
    form = FORMATS.get(kind)
    kept = {
        name: _storable(value)
        for name, value in given.items()
        if is_kept_for_trust(kind, name) or (form is not None and form.keeps(name))
    }
    return dict(list(kept.items())[:_MOST_HEADERS])


def _storable(value: str) -> str:
    """WSGI hands headers over as Latin-1; most senders mean UTF-8."""
    try:
        value = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        value = value.encode("utf-8", "replace").decode()
    return value.replace("\x00", "")[:_MAX_HEADER]
