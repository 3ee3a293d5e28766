"""What policy said each time it was asked, with every fact it looked at."""

from django.db import models

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models import Hypothesis
from incidents.models import Incident, Workspace
from remediation.models.plan import Plan
from remediation.types import Decision


class PolicyRuling(models.Model):
    """One question to policy and its answer: of a plan, or of what never became one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="rulings")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="rulings")
    plan = models.ForeignKey(Plan, models.CASCADE, null=True, related_name="rulings")
    hypothesis = models.ForeignKey(Hypothesis, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=clock.now)
    title = models.CharField(max_length=200)
    facts = models.JSONField(help_text="The case, as `Case.as_json` writes it.")
    risk_score = models.FloatField()
    decision = models.CharField(max_length=8, choices=[(d, d) for d in Decision])
    reasons = models.JSONField(default=list)
    policy_version = models.PositiveIntegerField()

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["workspace", "-at"])]

    def __str__(self) -> str:
        return f"{self.decision}: {self.title}"
