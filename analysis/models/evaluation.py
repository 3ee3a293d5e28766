"""What an evaluation found: how right the reasoners were on worlds whose cause is known."""

from django.db import models

from airra.lib import clock
from airra.lib.ids import uuid7


class Evaluation(models.Model):
    """One run of `manage.py airra_eval`. The newest is what the page shows."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    seconds = models.FloatField(help_text="How long the run took.")
    result = models.JSONField(help_text="The suites with their rows, notes and answers.")

    class Meta:
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"Evaluation of {self.made_at:%Y-%m-%d %H:%M}"
