"""Where signals are read."""

from django.db import models

from airra.lib.ids import uuid7
from analysis.types import LeavePolicy
from incidents.models import Workspace


class Connector(models.Model):
    """A read-only source. Credentials are named here and live in `AIRRA_SECRET_<REF>`."""

    class Kind(models.TextChoices):
        PROMETHEUS = "prometheus", "Prometheus, Mimir, Thanos, VictoriaMetrics"
        LOKI = "loki", "Loki"
        ELASTICSEARCH = "elasticsearch", "Elasticsearch, OpenSearch"
        LOGFILES = "logfiles", "Log files on this machine"
        JAEGER = "jaeger", "Jaeger"
        TEMPO = "tempo", "Tempo"
        OTLP = "otlp", "OpenTelemetry (pushed to AIRRA)"
        KUBERNETES = "kubernetes", "Kubernetes"
        CHANGES = "changes", "Change events (JSON over HTTP)"

    class Leaving(models.TextChoices):
        MAY_LEAVE = LeavePolicy.MAY_LEAVE, "All of it may leave"
        TEMPLATES_ONLY = LeavePolicy.TEMPLATES_ONLY, "Templates and numbers only, no raw lines"
        NEVER = LeavePolicy.NEVER, "Nothing leaves"

    # Log lines are words of strangers: their templates and counts tell as much.
    TELLS_LINES = (Kind.LOKI, Kind.ELASTICSEARCH, Kind.LOGFILES, Kind.OTLP)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="connectors")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    url = models.CharField(max_length=300)
    tenant = models.CharField(
        max_length=120, blank=True, help_text="Sent as X-Scope-OrgID, where the source has tenants."
    )
    secret_ref = models.CharField(
        max_length=60, blank=True, help_text="Bearer token in AIRRA_SECRET_<this name>."
    )
    timeout_s = models.FloatField(default=10)
    leave_policy = models.CharField(
        max_length=14,
        blank=True,
        choices=Leaving.choices,
        help_text="What of its answers may be sent to a model. Empty: as its kind has it.",
    )
    is_enabled = models.BooleanField(default=True)
    last_ok_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)
    graph_read_at = models.DateTimeField(
        null=True, editable=False, help_text="When the calls it shows were last asked for."
    )
    failing_since = models.DateTimeField(null=True, editable=False)
    next_try_at = models.DateTimeField(
        null=True, editable=False, help_text="While it fails it is left alone until then."
    )
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="In a row; each puts the next try off further."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_connector_per_name")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def leaves(self) -> LeavePolicy:
        """What may leave, as it was set or as its kind has it."""
        if self.leave_policy:
            return LeavePolicy(self.leave_policy)
        is_lines = self.kind in self.TELLS_LINES
        return LeavePolicy.TEMPLATES_ONLY if is_lines else LeavePolicy.MAY_LEAVE

    @property
    def leaves_label(self) -> str:
        return str(self.Leaving(self.leaves).label)
