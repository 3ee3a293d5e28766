"""What each delivery did to each alert it told of."""

from django.db import models

from incidents.lifecycle import AlertStatus, Severity
from incidents.models.alert import Alert
from incidents.models.delivery import Delivery


class Touch(models.Model):
    """One word of one delivery about one alert, and what it did.

    `at` is when the word was true: by its sender's clock, or when it arrived where the sender does
    not say. These rows are what a word that comes late is put in order by, and go with the delivery
    when its keeping time is over.
    """

    class Did(models.TextChoices):
        BEGAN = "began", "Began it"
        REPEATED = "repeated", "Told it again"
        STATUS = "status", "Changed where it stands"
        SEVERITY = "severity", "Changed its severity"
        ENDED = "ended", "Ended it"
        LATE = "late", "Came late"

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="touches", db_index=False)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="touches", db_index=False)
    did = models.CharField(max_length=10, choices=Did.choices)
    detail = models.CharField(max_length=100, blank=True)
    status = models.CharField(max_length=12, choices=[(s, s) for s in AlertStatus])
    severity = models.CharField(
        max_length=10,
        choices=[(s, s.capitalize()) for s in Severity],
        blank=True,
        help_text="What it told of its severity; empty when it told nothing.",
    )
    at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, help_text="The beginning it told of, if any.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "touches"
        indexes = [
            models.Index(fields=["alert", "at", "id"]),
            models.Index(fields=["delivery", "id"]),
        ]

    def __str__(self) -> str:
        return f"{self.get_did_display()} at {self.at:%F %T}"
