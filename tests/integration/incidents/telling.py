"""A sender's words, without the body they come in: `payments.says("firing")`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from airra.lib import clock
from incidents.commands import alert as alerts
from incidents.commands.turn import take_turn
from incidents.ingest.alerts import NewAlert
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, Incident, Integration


@dataclass
class Told:
    """One alert of one sender, told again and again."""

    integration: Integration
    key: str = "HighErrors"
    service: str = "payments"
    labels: dict[str, str] = field(default_factory=dict)
    began: datetime | None = None

    def says(self, status: str, **changed: Any) -> Incident | None:
        now = clock.now()
        if self.began is None:
            self.began = now
        fields: dict[str, Any] = {
            "dedup_key": self.key,
            "title": f"{self.key} on {self.service}",
            "severity": Severity.MEDIUM,
            "severity_word": "warning",
            "is_severity_mapped": True,
            "status": AlertStatus(status),
            "starts_at": self.began,
            "ends_at": now if status == AlertStatus.RESOLVED else None,
            "service": self.service,
            "labels": self.labels,
        }
        new = NewAlert(**fields | changed)
        with transaction.atomic(), take_turn(self.integration.workspace) as turn:
            found = alerts.tell(new, integration=self.integration, turn=turn)
        if status == AlertStatus.RESOLVED:
            self.began = None
        return found

    def alert(self) -> Alert:
        """Its newest episode."""
        mine = Alert.objects.filter(integration=self.integration, dedup_key=self.key)
        return mine.latest("starts_at")


def turn(told: Told, hands: clock.Hands, *, minutes: float) -> None:
    """It fires, and clears so many minutes later."""
    told.says("firing")
    hands.advance(minutes=minutes)
    told.says("resolved")
    hands.advance(minutes=minutes)


def later(**delta: float) -> datetime:
    return clock.now() + timedelta(**delta)
