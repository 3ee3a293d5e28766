"""What a workspace takes away from the catalogue. Nothing here can add to it."""

from django.db import models

from airra.lib.ids import uuid7
from incidents.models import Workspace


class ActionLimit(models.Model):
    """One action, kept shorter than the catalogue keeps it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="action_limits")
    action = models.CharField(max_length=20)
    is_enabled = models.BooleanField(default=True, help_text="Off: nobody can plan it here.")
    maximums = models.JSONField(
        default=dict, blank=True, help_text='Lower maximums of its numbers, like {"replicas": 5}.'
    )
    needs_two = models.BooleanField(
        default=False, help_text="Two distinct people approve it, whatever the risk."
    )
    environments = models.JSONField(
        default=list, blank=True, help_text='Only there, like ["staging"]; empty: everywhere.'
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "action"], name="one_limit_per_action_and_workspace"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} in {self.workspace}"
