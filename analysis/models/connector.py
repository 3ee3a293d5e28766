"""Where signals are read."""

from django.db import models

from airra.lib.ids import uuid7
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
