"""Spans and log lines that senders push to AIRRA, kept for a day to be looked into.

Nothing here is counted as evidence by itself: an investigation copies what it uses.
"""

from django.db import models

from airra.lib import clock
from analysis.models.connector import Connector
from incidents.models import Integration, Workspace


class Feed(models.Model):
    """What one integration pushes: the connector that answers it, and how many rows are held.

    The counts are raised by each request and set right by the sweep.
    """

    connector = models.OneToOneField(
        Connector, models.CASCADE, primary_key=True, related_name="feed"
    )
    integration = models.OneToOneField(Integration, models.CASCADE, related_name="feed")
    spans = models.PositiveIntegerField(default=0)
    lines = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.integration} into {self.connector}"


class Pushed(models.Model):
    """One record as it came. Kept by when it came, so that a wrong clock outlives nothing."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    connector = models.ForeignKey(Connector, models.CASCADE, related_name="+", db_index=False)
    received_at = models.DateTimeField(default=clock.now)
    service = models.CharField(max_length=200)
    trace_id = models.CharField(max_length=32, blank=True)

    class Meta:
        abstract = True


class PushedSpan(Pushed):
    span_id = models.CharField(max_length=16)
    parent_id = models.CharField(max_length=16, blank=True)
    operation = models.CharField(max_length=200)
    kind = models.CharField(max_length=8)
    start = models.DateTimeField()
    duration_s = models.FloatField()
    is_error = models.BooleanField()
    peer = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["connector", "received_at"]),
            models.Index(fields=["connector", "service", "start"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "trace_id", "span_id"], name="one_span_per_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


class PushedLine(Pushed):
    at = models.DateTimeField()
    instance = models.CharField(max_length=200, blank=True)
    level = models.CharField(max_length=20, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["connector", "received_at"]),
            models.Index(fields=["connector", "at"]),
            models.Index(fields=["connector", "service", "at"]),
        ]

    def __str__(self) -> str:
        return f"{self.service} {self.message[:60]}"
