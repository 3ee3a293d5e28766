"""What detectors saw, and what they foretold."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.detector import Detector
from analysis.types import Trouble
from incidents.models import Incident, Service


class Anomaly(models.Model):
    """A stretch of one series that is not as it should be: what, since when, against what."""

    class Feedback(models.TextChoices):
        REAL = "real", "Real trouble"
        NOT_AN_ANOMALY = "not_an_anomaly", "Not an anomaly"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    detector = models.ForeignKey(Detector, models.CASCADE, related_name="anomalies")
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="anomalies")
    series_key = models.CharField(max_length=300)
    labels = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    direction = models.CharField(max_length=5)
    value = models.FloatField()
    expected = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    score = models.FloatField()
    kind = models.CharField(
        max_length=20, choices=[(t, t.label) for t in Trouble], default=Trouble.LEVEL_SHIFT
    )
    p_value = models.FloatField(null=True)
    details = models.JSONField(default=dict, blank=True)
    reason = models.CharField(
        max_length=300, blank=True, help_text="Why it belongs to its incident, or to none."
    )
    may_open = models.BooleanField(
        default=True, help_text="Off: evidence, which joins an incident but opens none."
    )
    feedback = models.CharField(max_length=16, choices=Feedback.choices, blank=True)
    feedback_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    feedback_at = models.DateTimeField(null=True, blank=True)
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="anomalies")

    class Meta:
        verbose_name_plural = "anomalies"
        indexes = [models.Index(fields=["detector", "-started_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["detector", "series_key"],
                condition=Q(ended_at__isnull=True),
                name="one_open_anomaly_per_series",
            )
        ]

    def __str__(self) -> str:
        return f"{self.detector}: {self.series_key}"


class Forecast(models.Model):
    """A breach foretold, with its interval, and what became of it.

    It is judged by the interval it was made with; `newest_*` is how it looks now.
    """

    class Outcome(models.TextChoices):
        PENDING = "pending", "Not due yet"
        RIGHT = "right", "Came within its interval"
        EARLY = "early", "Came before its interval"
        MISSED = "missed", "Did not come"
        AVERTED = "averted", "Averted: something was done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    detector = models.ForeignKey(Detector, models.CASCADE, related_name="forecasts")
    service = models.ForeignKey(Service, models.CASCADE, null=True, related_name="forecasts")
    series_key = models.CharField(max_length=300)
    labels = models.JSONField(default=dict)
    made_at = models.DateTimeField(default=clock.now)
    value = models.FloatField()
    limit = models.FloatField()
    earliest_at = models.DateTimeField()
    expected_at = models.DateTimeField()
    latest_at = models.DateTimeField(null=True, help_text="None: it may also never come.")
    renewed_at = models.DateTimeField(
        default=clock.now, help_text="When it was last foretold; what follows is how."
    )
    newest_value = models.FloatField(default=0.0)
    newest_earliest_at = models.DateTimeField(default=clock.now)
    newest_expected_at = models.DateTimeField(default=clock.now)
    newest_latest_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=8, choices=Outcome.choices, default=Outcome.PENDING, db_index=True
    )
    breached_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="forecasts")

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["detector", "series_key"],
                condition=Q(outcome="pending"),
                name="one_pending_forecast_per_series",
            )
        ]

    def __str__(self) -> str:
        return f"{self.detector}: {self.series_key} reaches {self.limit:g}"
