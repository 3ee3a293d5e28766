"""Which models an investigation asks, in order; the offline reasoner stands behind the last."""

from django.db import models
from django.db.models import Q

from airra.lib.ids import uuid7
from analysis.types import ProviderKind
from incidents.models import Workspace


class ModelProvider(models.Model):
    """One link of a workspace's chain. The key is named here and lives in `AIRRA_SECRET_<REF>`."""

    class Effort(models.TextChoices):
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"
        XHIGH = "xhigh"
        MAX = "max"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="model_providers")
    rank = models.PositiveSmallIntegerField(default=1, help_text="1 is asked first.")
    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=[(k, k) for k in ProviderKind])
    base_url = models.CharField(max_length=300, blank=True, help_text="Empty: the vendor's own.")
    model = models.CharField(max_length=100)
    effort = models.CharField(max_length=6, choices=Effort.choices, default=Effort.MEDIUM)
    secret_ref = models.CharField(
        max_length=60, blank=True, help_text="API key in AIRRA_SECRET_<this name>."
    )
    is_enabled = models.BooleanField(default=True)
    input_usd = models.FloatField(null=True, blank=True, help_text="For a million tokens.")
    output_usd = models.FloatField(null=True, blank=True)
    cache_read_usd = models.FloatField(null=True, blank=True)
    cache_write_usd = models.FloatField(null=True, blank=True)
    capabilities = models.JSONField(default=dict, help_text="What a probe found it can do.")
    last_ok_at = models.DateTimeField(null=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["rank", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="one_model_provider_per_name"
            ),
            models.CheckConstraint(
                condition=Q(input_usd__isnull=True, output_usd__isnull=True)
                | Q(input_usd__gte=0, output_usd__gte=0),
                name="a_price_has_both_sides",
            ),
        ]

    def __str__(self) -> str:
        return self.name
