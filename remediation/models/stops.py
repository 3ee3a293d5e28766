"""What keeps AIRRA from acting, by people's word: the kill switch and freeze windows."""

from datetime import datetime
from typing import Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import Service, Workspace


class KillSwitchQuerySet(models.QuerySet["KillSwitch"]):
    def on(self) -> Self:
        return self.filter(ended_at__isnull=True)

    def stopping(self, *, workspace: UUID, environment: str, kind: str, endpoint: UUID) -> Self:
        """Those that are on for such a target; one whose environment nobody knows is in each."""
        scope = KillSwitch.Scope
        here = Q(scope=scope.ALL) | Q(scope=scope.ENDPOINT, value=str(endpoint))
        here |= Q(scope=scope.KIND, value=kind)
        by_environment = Q(scope=scope.ENVIRONMENT)
        if environment:
            by_environment &= Q(value__iexact=environment)
        place = Q(workspace__isnull=True) | Q(workspace=workspace)
        return self.on().filter(place, here | by_environment)


class KillSwitch(models.Model):
    """One time that somebody said stop. While it is on nothing is sent; off, it is history."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        ENVIRONMENT = "environment", "One environment"
        KIND = "kind", "One kind of executor"
        ENDPOINT = "endpoint", "One endpoint"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(
        Workspace,
        models.CASCADE,
        null=True,
        related_name="kill_switches",
        help_text="Empty: the whole installation.",
    )
    scope = models.CharField(max_length=12, choices=Scope.choices)
    value = models.CharField(
        max_length=40, blank=True, help_text="Which environment, kind, or endpoint."
    )
    reason = models.CharField(max_length=300)
    since = models.DateTimeField(default=clock.now)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    actor = models.CharField(max_length=150, help_text="Who, in words; by the shell: which user.")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    ended_actor = models.CharField(max_length=150, blank=True)
    ended_reason = models.CharField(max_length=300, blank=True)

    objects = KillSwitchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "kill switches"
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "scope", "value"],
                condition=Q(ended_at__isnull=True, workspace__isnull=False),
                name="one_kill_switch_per_scope",
            ),
            models.UniqueConstraint(
                fields=["scope", "value"],
                condition=Q(ended_at__isnull=True, workspace__isnull=True),
                name="one_kill_switch_of_the_installation",
            ),
            models.CheckConstraint(
                condition=Q(scope="all", value="") | (~Q(scope="all") & ~Q(value="")),
                name="kill_switch_names_what_it_stops",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="kill_switch_has_a_reason"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | (~Q(ended_reason="") & ~Q(ended_actor="")),
                name="starting_again_has_an_author_and_a_reason",
            ),
        ]

    def __str__(self) -> str:
        what = f"{self.scope} {self.value}" if self.value else "everything"
        return f"stop {what}: {self.reason}"


class FreezeWindow(models.Model):
    """A time in which nothing may change, once or the same hours (UTC) of every week."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="freeze_windows")
    reason = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_weekly = models.BooleanField(
        default=False, help_text="The same hours of every week from then on, in UTC."
    )
    environment = models.CharField(max_length=20, blank=True, help_text="Empty: every one.")
    service = models.ForeignKey(
        Service, models.CASCADE, null=True, blank=True, help_text="Empty: every one."
    )

    class Meta:
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="freeze_window_ends_after_it_begins"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="freeze_window_has_a_reason"),
        ]

    def __str__(self) -> str:
        weekly = ", every week" if self.is_weekly else ""
        return f"{self.reason}: {_when(self.starts_at)} to {_when(self.ends_at)}{weekly}"


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
