"""What may be done, by which way in, and what people have written down."""

from django.core.validators import MinValueValidator
from django.db import models

from airra.lib.ids import uuid7
from incidents.models import Service, Workspace
from remediation.types import ExecutorKind, Mode


class ActionEndpoint(models.Model):
    """A target that actions can be sent to, and how to reach it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="action_endpoints")
    name = models.CharField(max_length=100)
    kind = models.CharField(
        max_length=12, choices=[(k, k) for k in ExecutorKind], default=ExecutorKind.WEBHOOK
    )
    url = models.CharField(
        max_length=300,
        help_text="http(s)://, ssh://, postgresql://, unix:// or file://, by the kind of target.",
    )
    secret_ref = models.CharField(
        max_length=60,
        help_text="Its secret, in AIRRA_SECRET_<this name> of the executor process only.",
    )
    options = models.JSONField(default=dict, blank=True, help_text="What its kind lets you set.")
    timeout_s = models.FloatField(default=15, validators=[MinValueValidator(1)])
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="one_endpoint_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class Policy(models.Model):
    """The rules of one workspace. A change raises `version`, which voids what was approved."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.OneToOneField(Workspace, models.CASCADE, related_name="policy")
    version = models.PositiveIntegerField(default=1, editable=False)
    default_mode = models.CharField(
        max_length=8, choices=[(m, m.replace("_", " ")) for m in Mode], default=Mode.DRY_RUN
    )
    allowed_actions = models.JSONField(
        default=list, blank=True, help_text="Catalogue keys; empty allows all of them."
    )
    allowed_environments = models.JSONField(
        default=list, blank=True, help_text="Names; empty allows all of them."
    )
    matrix = models.JSONField(
        default=dict, blank=True, help_text="Rows of decisions by risk; empty: the built-in one."
    )
    approval_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1)]
    )
    max_actions_per_incident = models.PositiveSmallIntegerField(default=3)
    max_actions_per_target = models.PositiveSmallIntegerField(
        default=2, help_text="Within six hours."
    )
    max_actions_nearby = models.PositiveSmallIntegerField(
        default=1, help_text="At once, on a service and those it calls or is called by."
    )
    max_fleet_share = models.FloatField(
        default=0.25, help_text="Of the replicas of one service at once; one in any case."
    )
    max_actions_per_hour = models.PositiveSmallIntegerField(
        default=6, help_text="In the whole installation."
    )

    class Meta:
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return f"Policy of {self.workspace}, version {self.version}"


class Runbook(models.Model):
    """What people do by hand, and where it leads to an action."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="runbooks")
    title = models.CharField(max_length=150)
    service = models.ForeignKey(Service, models.SET_NULL, null=True, blank=True)
    mechanism = models.CharField(max_length=12, blank=True)
    steps = models.TextField(help_text="One step a line.")
    is_published = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.title
