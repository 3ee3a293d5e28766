"""The rules that watch signals, what they remember of each series, and what people taught them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.connector import Connector
from incidents.models import Workspace


class Detector(models.Model):
    """One rule over one query, which may answer many series. The row is also its schedule."""

    class Rule(models.TextChoices):
        ADAPTIVE = "adaptive", "Unusual values"
        MISSING = "missing", "Missing data"
        COUNTER_RESET = "counter_reset", "Counter resets"
        SATURATION = "saturation", "Close to a known limit"
        BURN_RATE = "burn_rate", "Error budget burning"
        FORECAST = "forecast", "On its way to a limit"
        LOGS = "logs", "New and surging log messages"
        TRACES = "traces", "Calls between services"

    # Rules that hold the series of the query itself against a band: what they saw can be charted,
    # and can be seen to recover.
    MEASURED = (Rule.ADAPTIVE, Rule.SATURATION)

    class Direction(models.TextChoices):
        UP = "up", "Too high"
        DOWN = "down", "Too low"
        BOTH = "both", "Either way"

    class Signal(models.TextChoices):
        ERRORS = "errors"
        LATENCY = "latency"
        TRAFFIC = "traffic"
        CPU = "cpu"
        MEMORY = "memory"
        DISK = "disk"
        SATURATION = "saturation"
        RESTARTS = "restarts"
        AVAILABILITY = "availability"
        OTHER = "other"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="detectors")
    connector = models.ForeignKey(Connector, models.CASCADE, related_name="detectors")
    name = models.CharField(max_length=100)
    rule = models.CharField(max_length=14, choices=Rule.choices, default=Rule.ADAPTIVE)
    query = models.TextField(
        blank=True,
        help_text="PromQL; each series needs the service label. Logs and traces need none.",
    )
    service_label = models.CharField(max_length=60, default="service")
    signal = models.CharField(max_length=20, choices=Signal.choices, default=Signal.OTHER)
    unit = models.CharField(max_length=20, blank=True, help_text="s, ratio, bytes, 1/s …")
    direction = models.CharField(max_length=5, choices=Direction.choices, default=Direction.UP)
    alarms_per_week = models.FloatField(
        default=0.35,
        help_text="False alarms you accept per series and week; fewer means calmer and later.",
    )
    limit = models.FloatField(
        null=True,
        blank=True,
        help_text="What the series must not reach, in its unit: saturation and forecasts.",
    )
    objective = models.FloatField(
        null=True, blank=True, help_text="Share of requests that must succeed, e.g. 0.999."
    )
    horizon_s = models.PositiveIntegerField(
        default=6 * 3600, help_text="How far ahead a forecast looks, in seconds."
    )
    floor = models.FloatField(
        default=0.0, help_text="Smallest departure from expected, in the unit, that can matter."
    )
    history_s = models.PositiveIntegerField(
        default=2 * 86_400, help_text="Read once, when it first meets a series, in seconds."
    )
    step_s = models.PositiveSmallIntegerField(default=5)
    interval_s = models.PositiveIntegerField(default=30)
    opens_incident = models.BooleanField(default=True, help_text="Off: evidence only.")
    is_enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(default=clock.now, editable=False)
    claimed_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    newest_at = models.DateTimeField(null=True, editable=False, help_text="The last point judged.")
    last_run_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_series_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["is_enabled", "next_run_at"])]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_detector_per_name"),
            models.CheckConstraint(
                condition=Q(alarms_per_week__gt=0), name="alarms_per_week_is_positive"
            ),
            models.CheckConstraint(
                condition=Q(objective__isnull=True) | Q(objective__gt=0, objective__lt=1),
                name="objective_is_a_share",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DetectorState(models.Model):
    """What a detector remembers of its series: a checkpoint, rebuilt from the source when lost.

    `series` are their labels, in the order of the rows of `arrays`, the bytes of a `Bank`.
    """

    detector = models.OneToOneField(Detector, models.CASCADE, related_name="state")
    fingerprint = models.CharField(
        max_length=32, blank=True, help_text="Of the query, step and source."
    )
    series = models.JSONField(default=list)
    arrays = models.BinaryField()
    newest_at = models.DateTimeField(help_text="The last point it has seen.")
    saved_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"what {self.detector} remembers"


class SeriesTuning(models.Model):
    """What people said of one series of a detector: wait with it, or expect more of it."""

    detector = models.ForeignKey(Detector, models.CASCADE, related_name="tunings")
    series_key = models.CharField(max_length=300)
    tolerance = models.FloatField(
        default=1.0, help_text="Times the usual distance that it must depart to alarm."
    )
    not_anomalies = models.PositiveIntegerField(default=0, editable=False)
    real_anomalies = models.PositiveIntegerField(default=0, editable=False)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=clock.now, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["detector", "series_key"], name="one_tuning_per_series"
            ),
            models.CheckConstraint(
                condition=Q(tolerance__gte=0.25, tolerance__lte=16), name="tolerance_is_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector}: {self.series_key}"
