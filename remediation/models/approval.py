"""The question a plan asks of people, and their answers."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import AppendOnlyQuerySet
from remediation.models.plan import Plan
from remediation.types import Factor, Mode


class Approval(models.Model):
    """A request for a decision on one plan hash, and the decision. History is never rewritten."""

    class State(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        RETURNED = "returned"  # changes were asked for: the plan goes back to who responds
        EXPIRED = "expired"
        VOID = "void"  # what was asked about has changed; `void_reason` says what

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
    void_reason = models.CharField(max_length=300, blank=True)
    notified_at = models.DateTimeField(null=True, help_text="When the approvers were written to.")

    class Meta:
        ordering = ["expires_at"]
        indexes = [models.Index(fields=["state", "expires_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["plan"], condition=Q(state="pending"), name="one_pending_approval_per_plan"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["approved", "rejected", "returned"])
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="decision_has_an_author_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.plan}"


class Vote(models.Model):
    """One person's answer, as it was given. Appended, never edited: fatigue is measured from it.

    `voice` is the person whose say it is: the voter, or who delegated it. Neither may stand twice
    on one approval, so that two approvals are two people and two authorities.
    """

    class Decision(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        RETURN = "return"  # ask for changes

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    approval = models.ForeignKey(Approval, models.PROTECT, related_name="votes")
    plan_hash = models.CharField(max_length=64, help_text="What was in front of them.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    voice = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision.choices)
    mode = models.CharField(max_length=8, blank=True, choices=[(m, m) for m in Mode])
    comment = models.TextField(blank=True)
    factor = models.CharField(max_length=8, choices=[(f, f) for f in Factor])
    origin = models.CharField(max_length=60, blank=True, help_text="Address it came from.")
    link = models.CharField(max_length=64, blank=True, help_text="Digest of the link it used.")
    opened_diff_at = models.DateTimeField(null=True)
    at = models.DateTimeField(default=clock.now, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["at"]
        indexes = [models.Index(fields=["at"])]
        constraints = [
            models.UniqueConstraint(fields=["approval", "by"], name="one_vote_per_person"),
            models.UniqueConstraint(fields=["approval", "voice"], name="one_vote_per_voice"),
            models.UniqueConstraint(
                fields=["link"], condition=~Q(link=""), name="a_link_acts_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.by} on {self.approval_id}: {self.decision}"
