"""What came in from outside, as it was."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.integration import Integration


class Delivery(models.Model):
    """A body exactly as it arrived, committed before anything judges it."""

    class State(models.TextChoices):
        STORED = "stored", "Waits to be read"
        PROCESSED = "processed", "Read"
        REFUSED = "refused", "Not understood"
        UNTRUSTED = "untrusted", "Not proven to be its sender's"
        FAILED = "failed", "AIRRA failed on it"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="deliveries")
    identity = models.CharField(max_length=64, help_text="Same identity: the same delivery again.")
    body = models.BinaryField()
    headers = models.JSONField(default=dict, help_text="Those its format gives meaning to.")
    content_type = models.CharField(max_length=100, blank=True)
    channel = models.CharField(max_length=20, blank=True)
    remote = models.CharField(max_length=45, blank=True, help_text="The address it came from.")
    received_at = models.DateTimeField(default=clock.now, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STORED)
    processed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error_field = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="Why it holds nothing.")
    repeats = models.PositiveIntegerField(default=0)
    alerts_read = models.PositiveIntegerField(default=0)
    changes_read = models.PositiveIntegerField(default=0)
    replayed_at = models.DateTimeField(null=True)
    replayed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    set_aside_at = models.DateTimeField(null=True, help_text="Nobody need read it any more.")
    set_aside_by = models.ForeignKey(  # asked for by nobody, so each insert is spared an index
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    body_dropped_at = models.DateTimeField(null=True, help_text="Its keeping time was over.")

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["state", "received_at"]),
            models.Index(fields=["integration", "-id"]),
            # What came lately, and how much of it was not read: counted without touching a row.
            models.Index(
                fields=["integration", "received_at", "state"], name="deliveries_that_came_lately"
            ),
            models.Index(fields=["-id"], condition=~Q(error=""), name="deliveries_with_an_error"),
            models.Index(
                fields=["integration", "received_at"],
                condition=Q(set_aside_at__isnull=False),
                name="deliveries_set_aside",
            ),
            models.Index(
                fields=["received_at"],
                condition=Q(body_dropped_at__isnull=True),
                name="deliveries_with_a_body",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "identity"], name="one_delivery_per_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.integration} at {self.received_at:%F %T}"
