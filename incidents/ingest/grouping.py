"""Which incident an alert belongs to, and why. Pure: the caller brings what is live."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from incidents.ingest.alerts import NewAlert

WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class LiveIncident:
    """A live incident of the alert's service, or one that had this alert before."""

    id: UUID
    key: str
    opened_at: datetime
    had_this_alert: bool = False


@dataclass(frozen=True)
class Grouping:
    """Join that incident, or open one under the grouping key; `reason` is shown to people."""

    join: UUID | None
    key: str
    reason: str


def group(
    alert: NewAlert, live: Sequence[LiveIncident], *, integration: UUID, now: datetime
) -> Grouping:
    """The same alert again goes where it was; else alerts of one service within `WINDOW` join."""
    newest_first = sorted(live, key=lambda incident: incident.opened_at, reverse=True)
    for incident in newest_first:
        if incident.had_this_alert:
            return Grouping(incident.id, "", f"the same alert belongs to {incident.key}")
    if not alert.service:
        stem = hashlib.sha256(alert.dedup_key.encode()).hexdigest()[:40]
        reason = "the alert names no service, so it stands alone"
        return Grouping(None, f"alert:{integration.hex}:{stem}", reason)
    key = f"service:{alert.service}"
    if not newest_first:
        return Grouping(None, key, f"nothing else is open for {alert.service}")
    newest = newest_first[0]
    minutes = int((now - newest.opened_at).total_seconds() // 60)
    if now - newest.opened_at <= WINDOW:
        return Grouping(
            newest.id, "", f"{newest.key} is about {alert.service} too: {_ago(minutes)}"
        )
    limit = int(WINDOW.total_seconds() // 60)
    reason = f"{newest.key} of {alert.service} is older than {limit} min"
    return Grouping(None, f"{key}:after:{newest.key}", reason)


def _ago(minutes: int) -> str:
    return f"opened {minutes} min ago" if minutes else "opened within the last minute"
