"""The incident, and the story that every change to it leaves behind."""

from typing import Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import incident_key, uuid7
from incidents.lifecycle import LIVE_STATES, Severity, State
from incidents.models.service import Service
from incidents.models.workspace import Workspace

_LIVE = sorted(LIVE_STATES)


class IncidentQuerySet(models.QuerySet["Incident"]):
    def live(self) -> Self:
        return self.filter(state__in=_LIVE)

    def open(self) -> Self:
        """Trouble that is there: live, and not only foretold."""
        return self.live().filter(is_predicted=False)

    def predicted(self) -> Self:
        return self.live().filter(is_predicted=True)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(workspace__memberships__user=user)


class Incident(models.Model):
    class Source(models.TextChoices):
        DETECTOR = "detector"
        ALERT = "alert"
        API = "api"
        MANUAL = "manual"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="incidents")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=[(s, s.capitalize()) for s in Severity])
    state = models.CharField(max_length=20, choices=[(s, s) for s in State], default=State.OPEN)
    source = models.CharField(max_length=10, choices=Source.choices)
    service = models.ForeignKey(
        Service, models.PROTECT, null=True, blank=True, related_name="incidents"
    )
    grouping_key = models.CharField(max_length=200)
    grouping_reason = models.CharField(max_length=300, blank=True)
    metrics_snapshot = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(default=clock.now, help_text="When the trouble began.")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=300, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    is_predicted = models.BooleanField(
        default=False, help_text="Foretold, not there yet: kept apart from live ones."
    )
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at"]
        indexes = [
            models.Index(fields=["workspace", "state", "-opened_at"]),
            models.Index(fields=["workspace", "-opened_at", "-id"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="one_incident_per_number"),
            models.UniqueConstraint(
                fields=["workspace", "grouping_key"],
                condition=Q(state__in=_LIVE),
                name="one_open_incident_per_grouping_key",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[State.RESOLVED, State.CLOSED])
                | Q(resolved_at__isnull=False),
                name="resolved_incident_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at__isnull=True, acknowledged_by__isnull=True)
                | Q(acknowledged_at__isnull=False, acknowledged_by__isnull=False),
                name="acknowledged_by_somebody_at_some_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.MERGED) | Q(merged_into__isnull=False),
                name="merged_incident_names_the_other",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        return incident_key(self.number)

    @property
    def is_live(self) -> bool:
        return self.state in LIVE_STATES


class TimelineEvent(models.Model):
    """What happened, for people. `at` is when it happened, `recorded_at` when we learnt it."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        ALERT = "alert"
        ANOMALY = "anomaly"
        CHANGE = "change"
        ACKNOWLEDGED = "acknowledged"
        ASSIGNED = "assigned"
        STATE = "state"
        SEVERITY = "severity"
        ATTRIBUTED = "attributed"
        ANALYSIS = "analysis"
        HYPOTHESES = "hypotheses"
        VERDICT = "verdict"
        PLAN = "plan"
        APPROVAL = "approval"
        EXECUTION = "execution"
        VERIFICATION = "verification"
        RESOLVED = "resolved"
        REOPENED = "reopened"
        NOTE = "note"
        PROBLEM = "problem"

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=clock.now)
    recorded_at = models.DateTimeField(default=clock.now, editable=False)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=120, default="AIRRA")
    text = models.TextField()
    payload = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["incident", "-id"])]

    def __str__(self) -> str:
        return self.text
