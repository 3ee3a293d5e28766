"""What a plan does, in order: steps, and the targets each of them acts on."""

from django.db import models
from django.db.models import Q

from airra.lib.ids import uuid7
from remediation.models.plan import Plan
from remediation.models.policy import ActionEndpoint


class Step(models.Model):
    """One action of the catalogue with its prediction. It begins after the match of the last."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(help_text="From 1.")
    endpoint = models.ForeignKey(ActionEndpoint, models.PROTECT, related_name="steps")
    action = models.CharField(max_length=40)
    action_version = models.PositiveSmallIntegerField()
    service_name = models.CharField(max_length=120)
    params = models.JSONField(default=dict)
    title = models.CharField(max_length=200)
    prediction = models.JSONField(default=dict)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="one_step_per_position"),
            models.CheckConstraint(
                condition=Q(position__gte=1, position__lte=5), name="one_to_five_steps"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class StepTarget(models.Model):
    """What one target said it would do: the dry run that is approved, bound to its version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    step = models.ForeignKey(Step, models.CASCADE, related_name="targets")
    ordinal = models.PositiveSmallIntegerField(help_text="From 0, the canary.")
    target = models.CharField(max_length=200, blank=True, help_text="Empty: the service itself.")
    target_id = models.CharField(max_length=200)
    target_version = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    effects = models.JSONField(default=list)
    reversibility = models.CharField(max_length=12)
    undo = models.JSONField(null=True)
    fidelity = models.CharField(max_length=10)
    owner = models.CharField(max_length=60, blank=True)
    checks = models.JSONField(default=list, help_text="[{name, ok, detail, is_fatal}]")

    class Meta:
        ordering = ["step__position", "ordinal"]
        constraints = [
            models.UniqueConstraint(fields=["step", "ordinal"], name="one_target_per_ordinal")
        ]

    def __str__(self) -> str:
        return f"{self.step.title} on {self.target}" if self.target else self.step.title
