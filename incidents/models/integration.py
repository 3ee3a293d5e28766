"""Who may deliver: one address a sender, and the secrets that prove a body is theirs."""

from typing import Self

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.workspace import Workspace, places_of


class IntegrationQuerySet(models.QuerySet["Integration"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(workspace__in=places_of(user))


class Integration(models.Model):
    """One sender with its own address."""

    class Kind(models.TextChoices):
        ALERTMANAGER = "alertmanager", "Alertmanager v4"
        GRAFANA = "grafana", "Grafana alerting"
        DATADOG = "datadog", "Datadog"
        CLOUDWATCH_SNS = "cloudwatch_sns", "CloudWatch over SNS"
        EVENTBRIDGE = "eventbridge", "CloudWatch over EventBridge"
        PAGERDUTY = "pagerduty", "PagerDuty webhooks v3"
        PAGERDUTY_EVENTS = "pagerduty_events", "PagerDuty Events v2 senders"
        SENTRY = "sentry", "Sentry"
        CLOUDEVENTS = "cloudevents", "CloudEvents 1.0"
        GENERIC = "generic", "Generic JSON"
        CHANGES = "changes", "Change events"
        GITHUB = "github", "GitHub deployments"
        OTLP = "otlp", "OpenTelemetry (spans and logs)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="integrations")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    mapping = models.JSONField(
        default=dict, blank=True, help_text="Our field to an expression over the body."
    )
    topics = models.JSONField(
        default=list, blank=True, help_text="SNS: the ARNs of the topics that may deliver."
    )
    rate_per_min = models.PositiveIntegerField(
        default=3000, help_text="More deliveries than this in a minute are answered 429."
    )
    max_body_kib = models.PositiveIntegerField(
        default=4096, help_text="A larger body is answered 413."
    )
    heartbeat_min = models.PositiveIntegerField(
        null=True, blank=True, help_text="Its silence for so many minutes is an alert."
    )
    silent_since = models.DateTimeField(null=True, editable=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    last_seen_at = models.DateTimeField(null=True, editable=False)

    objects = IntegrationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_integration_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class IntegrationSecret(models.Model):
    """What a sender proves itself with. Two may hold at once, so that one can be replaced.

    A token is kept as a SHA-256 digest only; a signing key has to be read again to check a
    signature, so it is sealed (`airra.lib.sealed`).
    """

    class Use(models.TextChoices):
        TOKEN = "token", "Token that is sent along"
        SIGNING = "signing", "Key that signs the body"

    integration = models.ForeignKey(Integration, models.CASCADE, related_name="secrets")
    use = models.CharField(max_length=10, choices=Use.choices)
    digest = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001 - NULL keeps sealed keys out of the unique index
    sealed = models.BinaryField(null=True, editable=False)
    prefix = models.CharField(max_length=12, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(use="token", digest__isnull=False, sealed__isnull=True)
                | Q(use="signing", digest__isnull=True, sealed__isnull=False),
                name="secret_is_a_digest_or_sealed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.use} {self.prefix}… of {self.integration}"
