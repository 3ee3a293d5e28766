"""The log messages each service is known to write."""

from django.db import models

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.detector import Detector


class LogTemplate(models.Model):
    """A message with what varies in it left out, and how often it came; secrets are redacted."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    detector = models.ForeignKey(Detector, models.CASCADE, related_name="log_templates")
    service = models.CharField(max_length=120)
    text = models.TextField()
    level = models.CharField(max_length=20, blank=True)
    was_new = models.BooleanField(
        default=False, help_text="It first came when the service was known well."
    )
    first_seen_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)
    total = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(
        default=dict, help_text="Lines by half minute of the last hours, by hour of the last days."
    )
    trace_ids = models.JSONField(default=list, help_text="Of the newest lines that named one.")

    class Meta:
        ordering = ["first_seen_at", "id"]
        indexes = [models.Index(fields=["detector", "service"])]

    def __str__(self) -> str:
        return f"{self.service}: {self.text[:80]}"
