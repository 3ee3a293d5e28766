"""Notes what a delivery did to each alert it told of."""

from dataclasses import dataclass, replace
from datetime import datetime

from airra.lib import clock
from incidents.commands.turn import Turn
from incidents.ingest.alerts import NewAlert
from incidents.ingest.order import Newest
from incidents.models import Alert, AlertQuerySet, Delivery, Integration, Touch

Did = Touch.Did


@dataclass(frozen=True)
class Heard:
    """One alert as a sender tells it, and by what it came: without a delivery, AIRRA tells it."""

    new: NewAlert
    integration: Integration
    turn: Turn
    delivery: Delivery | None = None

    @property
    def is_first(self) -> bool:
        """Nobody has told of this alert before."""
        return self.turn.is_unheard(self.integration.pk, self.new.dedup_key)

    @property
    def episodes(self) -> AlertQuerySet:
        """Those of this alert that are known."""
        return Alert.objects.filter(integration=self.integration, dedup_key=self.new.dedup_key)

    @property
    def received_at(self) -> datetime:
        return self.delivery.received_at if self.delivery else clock.now()

    @property
    def at(self) -> datetime:
        """When the word was true, as far as can be known."""
        return self.new.at or self.received_at

    def as_(self, new: NewAlert) -> "Heard":
        return replace(self, new=new)


def newest_of(alert: Alert | None) -> Newest:
    return Newest(alert.told_at, alert.heard_at) if alert is not None else Newest()


def marks(alert: Alert, heard: Heard) -> dict[str, datetime | None]:
    """The fields that say how new the newest word of an episode is, once this one is in."""
    found = newest_of(alert).with_(heard.new.at, heard.received_at)
    return {"told_at": found.told_at, "heard_at": found.heard_at}


def severity_told(new: NewAlert) -> str:
    is_told = bool(new.severity_word) or new.is_severity_mapped
    return new.severity if is_told and not new.is_resolved else ""


def note(heard: Heard, alert: Alert, did: Touch.Did, detail: str = "") -> None:
    """Written by its turn, with others."""
    if heard.delivery is None:
        return
    new = heard.new
    heard.turn.touched(
        Touch(
            alert=alert,
            delivery=heard.delivery,
            did=did,
            detail=detail[:100],
            status=new.status,
            severity=severity_told(new),
            at=heard.at,
            began_at=new.starts_at if new.is_start_told else None,
            ended_at=new.ends_at,
        )
    )
