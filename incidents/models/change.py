"""What was changed on purpose, as senders tell it."""

from django.db import models

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.delivery import Delivery
from incidents.models.integration import Integration
from incidents.models.service import Service
from incidents.models.workspace import Workspace


class ChangeEvent(models.Model):
    """A deploy, a flag, a configuration: told by a pipeline, read when a cause is sought."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="changes")
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="changes")
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, related_name="changes")
    dedup_key = models.CharField(max_length=200)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="changes")
    title = models.CharField(max_length=200)
    actor = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=300, blank=True)
    after = models.CharField(max_length=300, blank=True)
    revision = models.CharField(max_length=120, blank=True)
    url = models.CharField(max_length=500, blank=True)
    received_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["workspace", "at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key"], name="one_change_per_dedup_key"
            )
        ]

    def __str__(self) -> str:
        return self.title
