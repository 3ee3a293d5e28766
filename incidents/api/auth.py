"""Who calls the API: a bearer token stands for one user in one workspace."""

from datetime import timedelta
from typing import cast

from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest
from ninja.security import HttpBearer

from airra.lib import clock
from incidents.commands.access import digest_of
from incidents.models import ApiToken, Incident, Workspace
from incidents.permissions import Permission
from incidents.queries.access import may, visible_incident

_USE_NOTED_EVERY = timedelta(minutes=1)


class BearerToken(HttpBearer):
    """Finds the token by its digest; 401 when it has ended, or its user has left the workspace."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        now = clock.now()
        found = (
            ApiToken.objects.select_related("user", "workspace")
            .filter(
                Q(expires_at__isnull=True) | Q(expires_at__gt=now),
                digest=digest_of(token),
                revoked_at__isnull=True,
                user__is_active=True,
            )
            .first()
        )
        if found is None or not may(found.user, Permission.VIEW, found.workspace):
            return None
        if found.last_used_at is None or now - found.last_used_at > _USE_NOTED_EVERY:
            ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
        request.user = found.user
        return found


def _token_of(request: HttpRequest) -> ApiToken:
    return cast("ApiToken", request.auth)  # type: ignore[attr-defined]  # ninja puts it there


def caller(request: HttpRequest) -> User:
    return _token_of(request).user


def workspace_of(request: HttpRequest) -> Workspace:
    """The one workspace the token is for, even when its user is in several."""
    return _token_of(request).workspace


def incident_of(request: HttpRequest, key: str) -> Incident:
    """The incident INC-142 of the token's workspace; 404 otherwise."""
    return visible_incident(caller(request), key, workspace=workspace_of(request))
