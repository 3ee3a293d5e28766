"""A wish that only the executor process can fulfil, because it has to ask the target."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import Incident
from remediation.models.approval import Approval
from remediation.models.execution import Execution
from remediation.models.plan import Plan


class PlanRequest(models.Model):
    """Written by whoever wants a dry run, carried out once by whoever may make one."""

    class Kind(models.TextChoices):
        ACTION = "action"  # dry-run a catalogue action and propose it
        REVISE = "revise"  # plan the same action anew
        DRY_RUN = "dry_run"  # does the target still say what waits for approval?

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"  # a rule said no; `rule` and `refusal` tell which and why

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="plan_requests")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    plan = models.ForeignKey(
        Plan, models.CASCADE, null=True, related_name="+", help_text="To plan anew."
    )
    approval = models.ForeignKey(
        Approval, models.CASCADE, null=True, related_name="+", help_text="To dry-run again."
    )
    action = models.CharField(max_length=40, blank=True)
    service_name = models.CharField(max_length=120, blank=True)
    params = models.JSONField(default=dict)
    then = models.JSONField(
        default=list, help_text="What shall follow: [{action, service, params}], at most four."
    )
    reason = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="Empty: AIRRA itself, after the target moved.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True)
    rule = models.CharField(max_length=40, blank=True)
    refusal = models.TextField(blank=True)
    result = models.ForeignKey(
        Plan, models.CASCADE, null=True, related_name="+", help_text="The plan it led to."
    )
    execution = models.ForeignKey(
        Execution, models.CASCADE, null=True, related_name="+", help_text="The dry run's record."
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(state="waiting"),
                name="one_waiting_request_per_incident",
            ),
            models.CheckConstraint(
                condition=(
                    Q(kind="action", plan__isnull=True, approval__isnull=True)
                    | Q(kind="revise", plan__isnull=False, approval__isnull=True)
                    | Q(kind="dry_run", plan__isnull=True, approval__isnull=False)
                ),
                name="request_names_what_it_is_about",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(refusal=""), name="refusal_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.incident}"
