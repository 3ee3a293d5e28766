"""What came in from outside: the delivery as it was, and the alerts read from it."""

from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.lifecycle import Severity
from incidents.models.incident import Incident
from incidents.models.service import Service
from incidents.models.workspace import Workspace


class Integration(models.Model):
    """One sender with its own address and token. The token is kept as a SHA-256 digest only."""

    class Kind(models.TextChoices):
        ALERTMANAGER = "alertmanager", "Alertmanager v4"
        GENERIC = "generic", "Generic JSON"
        OTLP = "otlp", "OpenTelemetry (spans and logs)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    token_prefix = models.CharField(max_length=12, editable=False)
    mapping = models.JSONField(
        default=dict, blank=True, help_text="Generic JSON: our field to a dotted path in the body."
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_seen_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_integration_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """A webhook body exactly as it arrived, committed before anything judges it."""

    class State(models.TextChoices):
        STORED = "stored"
        PROCESSED = "processed"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="deliveries")
    identity = models.CharField(max_length=64, help_text="Same identity: the same delivery again.")
    body = models.BinaryField()
    content_type = models.CharField(max_length=100, blank=True)
    received_at = models.DateTimeField(default=clock.now, editable=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.STORED)
    processed_at = models.DateTimeField(null=True)
    error_field = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    repeats = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["state", "received_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "identity"], name="one_delivery_per_identity"
            )
        ]

    def __str__(self) -> str:
        return f"{self.integration} at {self.received_at:%F %T}"


class Alert(models.Model):
    """One episode of one alert: from when it fired until it resolved."""

    class Status(models.TextChoices):
        FIRING = "firing"
        RESOLVED = "resolved"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="alerts")
    delivery = models.ForeignKey(Delivery, models.PROTECT, related_name="alerts")
    dedup_key = models.CharField(max_length=200)
    status = models.CharField(max_length=10, choices=Status.choices)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=[(s, s.capitalize()) for s in Severity])
    severity_mapped = models.BooleanField(default=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="alerts")
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="alerts")

    class Meta:
        indexes = [models.Index(fields=["incident", "status"])]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key"],
                condition=Q(status="firing"),
                name="one_firing_episode_per_alert",
            ),
            models.UniqueConstraint(
                fields=["integration", "dedup_key", "starts_at"], name="one_alert_per_episode"
            ),
            models.CheckConstraint(
                condition=Q(status="firing") | Q(ends_at__isnull=False),
                name="resolved_alert_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.title
