"""One attempt to change production, from the intent to the proof."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from remediation.models.approval import Approval
from remediation.models.plan import Plan
from remediation.models.step import StepTarget
from remediation.types import HOLDS_TARGET, ExecutionState, Mode, Verdict


class Execution(models.Model):
    class Kind(models.TextChoices):
        APPLY = "apply"
        UNDO = "undo"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="executions")
    approval = models.ForeignKey(Approval, models.PROTECT, related_name="executions")
    target = models.ForeignKey(
        StepTarget,
        models.PROTECT,
        null=True,
        related_name="executions",
        help_text="What it acts on; empty for a dry run, which asks all of them.",
    )
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.APPLY)
    undo_of = models.OneToOneField("self", models.PROTECT, null=True, related_name="undone_by")
    mode = models.CharField(max_length=8, choices=[(m, m) for m in Mode])
    state = models.CharField(
        max_length=12, choices=[(s, s) for s in ExecutionState], default=ExecutionState.APPROVED
    )
    plan_hash = models.CharField(max_length=64)
    target_key = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=64, unique=True)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    quarantine_until = models.DateTimeField(
        null=True, help_text="Until then an attempt may still land: absent is not absent."
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    intent_at = models.DateTimeField(null=True)
    effect_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    samples = models.JSONField(default=list, help_text="[[unix, value, good|bad|no_data]]")
    readings = models.JSONField(
        default=dict,
        help_text="By metric: {before: [value], since: [[unix, value, mark]]}; of the alerting "
        "metric only what was before.",
    )
    next_check_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=12, blank=True, choices=[(v, v) for v in Verdict])
    verdict_reason = models.CharField(max_length=300, blank=True)
    verdict_numbers = models.JSONField(default=dict, help_text="What the verdict was made of.")
    watch_until = models.DateTimeField(
        null=True, help_text="After a match: until then its metric is watched for a relapse."
    )
    watch_next_at = models.DateTimeField(null=True)
    relapse = models.JSONField(default=list, help_text="[[unix, value, mark]] since the match.")
    recurred_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(
        null=True, help_text="When a person had it taken back within the watch."
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["state", "next_check_at"]),
            models.Index(fields=["watch_next_at"]),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["target_key"],
                condition=Q(state__in=[str(s) for s in HOLDS_TARGET], mode="live"),
                name="one_live_execution_per_target",
            ),
            models.CheckConstraint(
                condition=Q(kind="apply", undo_of__isnull=True)
                | Q(kind="undo", undo_of__isnull=False),
                name="undo_names_what_it_undoes",
            ),
            models.CheckConstraint(
                condition=~Q(mode="live") | Q(target__isnull=False),
                name="live_execution_names_its_target",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.plan}"
