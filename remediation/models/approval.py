"""The question a plan asks of people, and their answers."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from remediation.models.plan import Plan
from remediation.types import Mode


class Approval(models.Model):
    """A request for a decision on one plan hash, and the decision. History is never rewritten."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        EXPIRED = "expired"
        VOID = "void"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="approvals")
    plan_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    needed = models.PositiveSmallIntegerField(default=1, help_text="Distinct people.")
    mode = models.CharField(max_length=8, blank=True, choices=[(m, m) for m in Mode])
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    requested_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    first_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["expires_at"]
        indexes = [models.Index(fields=["state", "expires_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["plan"], condition=Q(state="pending"), name="one_pending_approval_per_plan"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="decision_has_an_author_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.plan}"
