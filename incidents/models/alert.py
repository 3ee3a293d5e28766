"""The alerts read from deliveries, each an episode with a beginning and an end."""

from typing import Self
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.lifecycle import AlertStatus, Severity
from incidents.models.delivery import Delivery
from incidents.models.incident import Incident
from incidents.models.integration import Integration
from incidents.models.service import Service
from incidents.models.silence import Silence
from incidents.models.workspace import Workspace, places_of


class AlertQuerySet(models.QuerySet["Alert"]):
    def live(self) -> Self:
        """What its sender has not ended."""
        return self.exclude(status=AlertStatus.RESOLVED)

    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        return self.filter(workspace__in=places_of(user))

    def counting_for(self, incident: Incident) -> Self:
        """Its own, and those of what was merged into it."""
        return self.of_incident(incident.pk)

    def of_incident(self, incident_id: UUID) -> Self:
        """The same, for who has its id alone.

        By the ids of these few incidents: over a join, PostgreSQL reads every alert there is.
        """
        places = Incident.objects.filter(Q(pk=incident_id) | Q(merged_into=incident_id))
        return self.filter(incident__in=places.order_by().values("pk"))


class Alert(models.Model):
    """One episode of one alert: from when it fired until its sender resolved it."""

    Status = AlertStatus

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="alerts")
    integration = models.ForeignKey(Integration, models.CASCADE, related_name="alerts")
    delivery = models.ForeignKey(Delivery, models.PROTECT, null=True, related_name="alerts")
    dedup_key = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=[(s, s) for s in AlertStatus])
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=[(s, s.capitalize()) for s in Severity])
    severity_mapped = models.BooleanField(default=True)
    severity_reason = models.CharField(max_length=300, blank=True)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="alerts")
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    url = models.CharField(max_length=500, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    is_start_told = models.BooleanField(default=True)
    came_late = models.BooleanField(
        default=False, help_text="It was over when it was first heard of: it woke nobody."
    )
    told_at = models.DateTimeField(
        null=True, help_text="Its newest word, by its sender's clock where that told a time."
    )
    heard_at = models.DateTimeField(
        null=True, help_text="Its newest word without a time, by when that arrived."
    )
    received_at = models.DateTimeField(default=clock.now, editable=False)
    last_seen_at = models.DateTimeField(default=clock.now)
    times_seen = models.PositiveIntegerField(default=1)
    is_flapping = models.BooleanField(default=False)
    silenced_by = models.ForeignKey(Silence, models.SET_NULL, null=True, related_name="alerts")
    incident = models.ForeignKey(Incident, models.PROTECT, null=True, related_name="alerts")

    objects = AlertQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["incident", "status"]),
            models.Index(fields=["workspace", "-id"]),
            models.Index(fields=["workspace", "status", "-id"]),
            # What people look for among very many: few rows, newest first.
            models.Index(
                fields=["workspace", "-id"],
                condition=~Q(status=AlertStatus.RESOLVED),
                name="alerts_that_are_live",
            ),
            models.Index(
                fields=["workspace", "-id"],
                condition=Q(is_flapping=True),
                name="alerts_that_are_flapping",
            ),
            models.Index(
                fields=["workspace", "-id"],
                condition=Q(silenced_by__isnull=False),
                name="alerts_that_were_silenced",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["integration", "dedup_key"],
                condition=~Q(status=AlertStatus.RESOLVED),
                name="one_live_episode_per_alert",
            ),
            models.UniqueConstraint(
                fields=["integration", "dedup_key", "starts_at"], name="one_alert_per_episode"
            ),
            models.CheckConstraint(
                condition=~Q(status=AlertStatus.RESOLVED) | Q(ends_at__isnull=False),
                name="alert_that_is_over_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return self.title
