"""What may be done, by which way in, and what people have written down."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

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
    is_killed = models.BooleanField(default=False, help_text="Stop: no effect on production.")
    freeze_from = models.DateTimeField(null=True, blank=True)
    freeze_until = models.DateTimeField(null=True, blank=True)
    freeze_reason = models.CharField(max_length=200, blank=True)
    allowed_actions = models.JSONField(
        default=list, blank=True, help_text="Catalogue keys; empty allows all of them."
    )
    approval_minutes = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1)]
    )
    max_actions_per_incident = models.PositiveSmallIntegerField(default=3)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(freeze_from__isnull=True, freeze_until__isnull=True)
                | Q(freeze_until__gt=models.F("freeze_from")),
                name="freeze_ends_after_it_begins",
            )
        ]

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
