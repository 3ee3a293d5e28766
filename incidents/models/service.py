"""What is monitored, and what calls what."""

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from airra.lib import addresses, clock
from airra.lib.ids import uuid7
from incidents.models.workspace import Workspace


def an_address(text: str) -> None:
    try:
        addresses.parse(text)
    except addresses.BadAddress as error:
        raise ValidationError(str(error)) from error


class Service(models.Model):
    class Tier(models.IntegerChoices):
        CRITICAL = 1, "Critical"
        IMPORTANT = 2, "Important"
        SUPPORTING = 3, "Supporting"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="services")
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owner = models.CharField(max_length=120, blank=True, help_text="Team or person to call.")
    address = models.CharField(
        max_length=200,
        blank=True,
        validators=[an_address],
        help_text="Where AIRRA may try whether it answers, e.g. https://payments:8443/health.",
    )
    environment = models.CharField(max_length=20, default="prod")
    tier = models.PositiveSmallIntegerField(choices=Tier.choices, default=Tier.IMPORTANT)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_service_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class DependencyQuerySet(models.QuerySet["ServiceDependency"]):
    def visible(self) -> Self:
        """What nobody has hidden as wrong."""
        return self.filter(hidden_at__isnull=True)

    def fresh(self) -> Self:
        """What was seen lately, and what people said; not what they hid."""
        since = clock.now() - timedelta(hours=settings.EDGE_FRESH_H)
        return self.visible().filter(Q(last_seen_at__gte=since) | Q(said_at__isnull=False))


class ServiceDependency(models.Model):
    """`caller` sends requests to `callee`: learnt from sources, said by people, or hidden by them.

    `source` and `last_seen_at` are those of the newest sighting. A hidden edge stays hidden when a
    source shows it again. What people said does not grow old.
    """

    class Source(models.TextChoices):
        TRACES = "traces", "Traces"
        METRICS = "metrics", "Client metrics"
        KUBERNETES = "kubernetes", "Kubernetes"
        HAND = "hand", "By hand"

    caller = models.ForeignKey(Service, models.CASCADE, related_name="calls")
    callee = models.ForeignKey(Service, models.CASCADE, related_name="called_by")
    source = models.CharField(max_length=20, choices=Source.choices, default=Source.TRACES)
    last_seen_at = models.DateTimeField(default=clock.now, db_index=True)
    said_at = models.DateTimeField(null=True, blank=True)
    said_by = models.CharField(max_length=150, blank=True)
    said_reason = models.CharField(max_length=300, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    hidden_by = models.CharField(max_length=150, blank=True)
    hidden_reason = models.CharField(max_length=300, blank=True)

    objects = DependencyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "service dependencies"
        constraints = [
            models.UniqueConstraint(fields=["caller", "callee"], name="one_edge_per_pair"),
            models.CheckConstraint(condition=~Q(caller=F("callee")), name="no_self_edge"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} calls {self.callee}"


class DependencySighting(models.Model):
    """One source that shows an edge, and when it last did."""

    dependency = models.ForeignKey(ServiceDependency, models.CASCADE, related_name="sightings")
    source = models.CharField(max_length=20, choices=ServiceDependency.Source.choices)
    first_seen_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(fields=["dependency", "source"], name="one_sighting_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.dependency}: {self.source}"
