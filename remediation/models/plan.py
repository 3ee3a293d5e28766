"""A plan: what shall be done, why, how risky it is, bound to a hash.

What it does is in its steps and their targets (`models.step`), and nothing else is acted on. The
columns of an action here repeat the first step's first target, for lists and for one glance; the
hash covers both, so that they cannot part.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models import Hypothesis, Investigation
from incidents.models import Incident
from remediation.models.policy import ActionEndpoint
from remediation.types import UNTAINTED, Decision, RiskBand


class Plan(models.Model):
    class State(models.TextChoices):
        PROPOSED = "proposed"  # waits for an approval
        APPROVED = "approved"  # a live execution exists
        DONE = "done"  # verified
        FAILED = "failed"  # tried, and did not help or did not happen
        DISCARDED = "discarded"  # rejected, expired, superseded

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="plans")
    investigation = models.ForeignKey(
        Investigation, models.PROTECT, null=True, related_name="plans"
    )
    hypothesis = models.ForeignKey(Hypothesis, models.PROTECT, null=True, related_name="plans")
    endpoint = models.ForeignKey(ActionEndpoint, models.PROTECT, related_name="plans")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    action = models.CharField(max_length=20)
    action_version = models.PositiveSmallIntegerField()
    service_name = models.CharField(max_length=120)
    params = models.JSONField(default=dict)
    title = models.CharField(max_length=200)
    why = models.CharField(max_length=300)
    target_id = models.CharField(max_length=120)
    target_version = models.CharField(max_length=120)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    effects = models.JSONField(default=list)
    reversibility = models.CharField(max_length=12)
    undo = models.JSONField(null=True)
    fidelity = models.CharField(max_length=10)
    prediction = models.JSONField(default=dict)
    risk_score = models.FloatField()
    risk_band = models.CharField(max_length=8, choices=[(b, b) for b in RiskBand])
    risk_factors = models.JSONField(default=list)
    decision = models.CharField(max_length=8, choices=[(d, d) for d in Decision])
    decision_reasons = models.JSONField(default=list)
    checks = models.JSONField(default=list, help_text="[{name, ok, detail}]")
    policy_version = models.PositiveIntegerField()
    plan_hash = models.CharField(max_length=64)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    dry_run_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(state__in=["proposed", "approved"]),
                name="one_live_plan_per_incident",
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_tainted(self) -> bool:
        """Whether its cause rested on text outsiders can write, when policy judged it."""
        return any(check["name"] == UNTAINTED and not check["ok"] for check in self.checks)
