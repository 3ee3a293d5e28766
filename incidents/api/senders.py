"""Who pushes: one address and one bearer token per integration."""

import hashlib
from hmac import compare_digest
from uuid import UUID

from django.http import HttpRequest

from airra.lib import clock
from incidents.models import Integration, IntegrationSecret


def integration_at(integration_id: UUID) -> Integration | None:
    """The integration of this address, unless it is switched off."""
    found = Integration.objects.select_related("workspace").filter(pk=integration_id)
    return found.filter(is_active=True).first()


def is_from(integration: Integration, request: HttpRequest) -> bool:
    """Whether the request carries a token of the integration that still holds."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    digest = hashlib.sha256(given.encode()).hexdigest()
    held = integration.secrets.filter(use=IntegrationSecret.Use.TOKEN).exclude(
        expires_at__lte=clock.now()
    )
    return any(compare_digest(digest, secret.digest or "") for secret in held)
