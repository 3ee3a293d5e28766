"""What is monitored, and what calls what."""

from django.db import models
from django.db.models import F, Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.workspace import Workspace


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


class ServiceDependency(models.Model):
    """`caller` sends requests to `callee`; with where the edge was learnt and when last seen."""

    caller = models.ForeignKey(Service, models.CASCADE, related_name="calls")
    callee = models.ForeignKey(Service, models.CASCADE, related_name="called_by")
    source = models.CharField(max_length=20, default="traces")
    last_seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "service dependencies"
        constraints = [
            models.UniqueConstraint(fields=["caller", "callee"], name="one_edge_per_pair"),
            models.CheckConstraint(condition=~Q(caller=F("callee")), name="no_self_edge"),
        ]

    def __str__(self) -> str:
        return f"{self.caller} calls {self.callee}"
