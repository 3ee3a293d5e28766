"""Who works here: the tenant and who holds which role in it."""

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import models
from django.db.models import QuerySet

from airra.lib.ids import uuid7

DEFAULT_WORKSPACE = "default"


class Workspace(models.Model):
    """A tenant. "Default" exists from the first migration; one team never meets the word."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    last_incident_number = models.PositiveIntegerField(default=0, editable=False)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One user's role, a Django group, in one workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.ForeignKey(Group, models.PROTECT, related_name="memberships")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="one_role_per_workspace")
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} in {self.workspace}"


def places_of(user: AbstractBaseUser | AnonymousUser) -> "QuerySet[Workspace]":
    """The workspaces whose rows the user may read."""
    if not isinstance(user, User) or not user.is_active:
        return Workspace.objects.none()
    if user.is_superuser:
        return Workspace.objects.all()
    return Workspace.objects.filter(memberships__user=user)
