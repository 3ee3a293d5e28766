"""Who pushes: one address and one bearer token per integration."""

import hashlib
from hmac import compare_digest
from uuid import UUID

from django.http import HttpRequest

from incidents.models import Integration


def integration_at(integration_id: UUID) -> Integration | None:
    """The integration of this address, unless it is switched off."""
    found = Integration.objects.select_related("workspace").filter(pk=integration_id)
    return found.filter(is_active=True).first()


def is_from(integration: Integration, request: HttpRequest) -> bool:
    """Whether the request carries the token of the integration."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    digest = hashlib.sha256(given.encode()).hexdigest()
    return compare_digest(digest, integration.token_digest)
