"""What people bring: API tokens and saved views."""

from django.conf import settings
from django.db import models

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.workspace import Workspace


class ApiToken(models.Model):
    """A bearer token of one user in one workspace. Only the SHA-256 digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="tokens")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SavedView(models.Model):
    """A named filter of a list; the query string is the view."""

    class Page(models.TextChoices):
        INCIDENTS = "incidents", "Incidents"
        ALERTS = "alerts", "Alerts"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    page = models.CharField(max_length=10, choices=Page.choices, default=Page.INCIDENTS)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)
    is_shared = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "owner", "page", "name"], name="one_saved_view_per_name"
            )
        ]

    def __str__(self) -> str:
        return self.name
