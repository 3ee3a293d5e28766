"""Where signals are read, and the rules that watch them."""

from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import Incident, Service, Workspace


class Connector(models.Model):
    """A read-only source. Credentials are named here and live in `AIRRA_SECRET_<REF>`."""

    class Kind(models.TextChoices):
        PROMETHEUS = "prometheus", "Prometheus"
        LOKI = "loki", "Loki"
        JAEGER = "jaeger", "Jaeger"
        CHANGES = "changes", "Change events (JSON over HTTP)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="connectors")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    url = models.URLField(max_length=300)
    secret_ref = models.CharField(
        max_length=60, blank=True, help_text="Bearer token in AIRRA_SECRET_<this name>."
    )
    timeout_s = models.FloatField(default=10)
    is_enabled = models.BooleanField(default=True)
    last_ok_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_connector_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Detector(models.Model):
    """One rule over one query, which may answer many series. The row is also its schedule."""

    class Method(models.TextChoices):
        ROLLING_Z = "rolling_z", "Rolling z-score (mean and standard deviation)"
        ROBUST_Z = "robust_z", "Robust z-score (median and MAD)"

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
    query = models.TextField(help_text="PromQL; each series needs the service label.")
    service_label = models.CharField(max_length=60, default="service")
    signal = models.CharField(max_length=20, choices=Signal.choices, default=Signal.OTHER)
    unit = models.CharField(max_length=20, blank=True, help_text="s, ratio, bytes, 1/s …")
    method = models.CharField(max_length=20, choices=Method.choices, default=Method.ROBUST_Z)
    direction = models.CharField(max_length=5, choices=Direction.choices, default=Direction.UP)
    sensitivity = models.FloatField(
        default=4.0, help_text="Deviations from expected that count; lower is more sensitive."
    )
    floor = models.FloatField(
        default=0.0, help_text="Smallest departure from expected, in the unit, that can matter."
    )
    persistence = models.PositiveSmallIntegerField(
        default=3, help_text="Points in a row outside the band before it is an anomaly."
    )
    window_s = models.PositiveIntegerField(default=900, help_text="History fetched, in seconds.")
    step_s = models.PositiveSmallIntegerField(default=5)
    interval_s = models.PositiveIntegerField(default=30)
    opens_incident = models.BooleanField(default=True, help_text="Off: evidence only.")
    is_enabled = models.BooleanField(default=True)
    muted_until = models.DateTimeField(null=True, blank=True)
    next_run_at = models.DateTimeField(default=clock.now, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    last_run_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_series_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["is_enabled", "next_run_at"])]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_detector_per_name"),
            models.CheckConstraint(condition=Q(sensitivity__gt=0), name="sensitivity_is_positive"),
        ]

    def __str__(self) -> str:
        return self.name


class Anomaly(models.Model):
    """A stretch of one series outside its expected band."""

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
