"""Whose say counts beside a role: what was delegated, and who has signed in once more."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import Workspace


class Delegation(models.Model):
    """One approver lends another person the right to decide on plans, until a date.

    It gives that and nothing else, it cannot be lent on, and who lends and who borrows count as
    one person on every plan.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="delegations")
    delegator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    delegate = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=200)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    until = models.DateTimeField()
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-made_at"]
        indexes = [models.Index(fields=["workspace", "until"])]
        constraints = [
            models.CheckConstraint(
                condition=~Q(delegator=F("delegate")), name="delegation_is_to_somebody_else"
            ),
            models.CheckConstraint(
                condition=Q(until__gt=F("made_at")), name="delegation_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True)
                | Q(ended_at__isnull=False, ended_by__isnull=False),
                name="ended_delegation_has_an_author",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegator} to {self.delegate} until {self.until:%Y-%m-%d %H:%M}"


class PasswordCheck(models.Model):
    """One try to prove again who one is. Counted before it is judged, so that tries run out."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=clock.now, editable=False)
    passed = models.BooleanField(default=False)
    origin = models.CharField(max_length=60, blank=True)

    class Meta:
        indexes = [models.Index(fields=["user", "at"])]

    def __str__(self) -> str:
        return f"{self.user}: {'passed' if self.passed else 'failed'}"
