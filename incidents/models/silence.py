"""When alerts are kept and wake nobody."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.service import Service
from incidents.models.workspace import Workspace


class Silence(models.Model):
    """Alerts that match, between two moments, are stored and open nothing.

    `matchers` is a list of `{"label", "op", "value"}` that must all hold; with a service as well,
    the alert must be of that service. At least one of the two narrows it.
    """

    class Kind(models.TextChoices):
        SILENCE = "silence", "Silence"
        MAINTENANCE = "maintenance", "Maintenance window"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="silences")
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.SILENCE)
    reason = models.CharField(max_length=300)
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True)
    matchers = models.JSONField(default=list, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    replays = models.BooleanField(
        default=True, help_text="When it ends, what still fires is taken in."
    )
    replayed_at = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-starts_at"]
        indexes = [models.Index(fields=["workspace", "ends_at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="silence_ends_after_it_begins"
            )
        ]

    def __str__(self) -> str:
        return self.reason
