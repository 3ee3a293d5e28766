"""What an investigation told while it ran, and the incidents it was made for besides its own."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.investigation import Investigation
from incidents.models import AppendOnlyQuerySet, Incident


class InvestigationEvent(models.Model):
    """One step of an investigation, or one word of an operator to it: append-only.

    Pages show nothing else of a running investigation; `seq` counts within the investigation, and
    the newest one is the tag that polling asks with.
    """

    investigation = models.ForeignKey(Investigation, models.PROTECT, related_name="events")
    attempt = models.PositiveSmallIntegerField(default=0, help_text="0: before anybody ran it.")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, help_text="A `ProgressKind`.")
    text = models.CharField(max_length=500)
    payload = models.JSONField(default=dict)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    at = models.DateTimeField(default=clock.now)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["investigation", "seq"], name="one_investigation_event_per_number"
            )
        ]

    def __str__(self) -> str:
        return self.text

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            msg = "the course of an investigation is append-only"
            raise TypeError(msg)
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        msg = "the course of an investigation is append-only"
        raise TypeError(msg)


class SharedInvestigation(models.Model):
    """An incident that is looked into with another one of its group, and why.

    Released, it waits for an investigation of its own again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    investigation = models.ForeignKey(Investigation, models.CASCADE, related_name="shared_with")
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="shared_investigations")
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(default=clock.now)
    released_at = models.DateTimeField(null=True)
    release_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(released_at__isnull=True),
                name="one_shared_investigation_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident.key} with {self.investigation.incident.key}"
