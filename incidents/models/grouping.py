"""Why an alert stands in its incident: the rules people wrote, and every decision."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models.alert import Alert
from incidents.models.incident import Incident
from incidents.models.workspace import Workspace


class GroupingRule(models.Model):
    """Alerts that match, and agree in `group_by`, within a window are one incident.

    The first active rule that matches decides. `matchers` is a list of `{"label", "op", "value"}`.
    """

    class Match(models.TextChoices):
        ALL = "all", "All of them hold"
        ANY = "any", "Any of them holds"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="grouping_rules")
    name = models.CharField(max_length=100)
    position = models.PositiveIntegerField(default=100, help_text="Lower ones are asked first.")
    match = models.CharField(max_length=3, choices=Match.choices, default=Match.ALL)
    matchers = models.JSONField(default=list, blank=True)
    group_by = models.JSONField(default=list, blank=True, help_text="Labels that must be equal.")
    window_min = models.PositiveIntegerField(default=10)
    threshold = models.PositiveIntegerField(
        default=1, help_text="So many alerts within the window open an incident."
    )
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "name"], name="one_grouping_rule_per_name"
            ),
            models.CheckConstraint(
                condition=Q(window_min__gte=1, threshold__gte=1),
                name="grouping_rule_has_a_window_and_a_threshold",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleTrial(models.Model):
    """A grouping rule, as somebody would have it, tried on stored alerts by a worker.

    `draft` has the fields of the rule. `done` of `total` happenings are replayed: those of the
    rules as they are, then those with the draft.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    LIVE = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="rule_trials")
    rule = models.ForeignKey(GroupingRule, models.SET_NULL, null=True, related_name="trials")
    draft = models.JSONField()
    days = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)
    error = models.CharField(max_length=300, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True, help_text="When replaying began.")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["workspace", "-created_at"])]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="done") | Q(result__isnull=False, finished_at__isnull=False),
                name="rule_trial_that_is_done_has_a_result",
            ),
        ]

    def __str__(self) -> str:
        return f"Trial of {self.draft.get('name', 'a rule')}"

    @property
    def is_live(self) -> bool:
        return self.state in self.LIVE


class GroupingDecision(models.Model):
    """One alert was put into one incident, by this means and for this reason.

    Those a person made are labels: what the means before it should have said.
    """

    class Means(models.TextChoices):
        KEY = "key", "The same alert again"
        RULE = "rule", "A grouping rule"
        SIMILARITY = "similarity", "Near in topology, time and words"
        ALONE = "alone", "Nothing alike is open"
        PERSON = "person", "A person"
        SILENCED = "silenced", "A silence or maintenance window"
        HELD = "held", "Below the threshold of its rule"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="decisions")
    incident = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="decisions")
    moved_from = models.ForeignKey(Incident, models.CASCADE, null=True, related_name="+")
    means = models.CharField(max_length=10, choices=Means.choices)
    reason = models.CharField(max_length=300)
    rule = models.ForeignKey(GroupingRule, models.SET_NULL, null=True, related_name="decisions")
    score = models.FloatField(null=True)
    threshold = models.FloatField(null=True)
    facts = models.JSONField(default=dict, help_text="Distances, minutes, likeness of words.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["incident", "id"])]

    def __str__(self) -> str:
        return self.reason
