"""A sender that has fallen silent is an alert of its own: what it would tell, nobody hears.

AIRRA raises it in the sender's name and ends it with the next delivery. The sweep looks; that two
sweeps raise one is settled by the row of the integration.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from airra.lib import clock
from incidents.commands import alert as alerts
from incidents.commands import episode
from incidents.commands.turn import take_turn
from incidents.ingest.alerts import NewAlert
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, Integration

KEY = f"{alerts.OURS}silence"


def sweep() -> None:
    """Name who has fallen silent, and end that for who is heard again, or no longer listened to."""
    everyone = Integration.objects.select_related("workspace")
    listened = Q(is_active=True, heartbeat_min__isnull=False)
    heard = Q(last_seen_at__gt=F("silent_since"))
    for integration in everyone.filter(listened, silent_since__isnull=True):
        if clock.now() >= _due(integration):
            _fell_silent(integration)
    for integration in everyone.filter(heard | ~listened, silent_since__isnull=False):
        _ended(integration)


def _due(integration: Integration) -> datetime:
    last = integration.last_seen_at or integration.created_at
    return last + timedelta(minutes=integration.heartbeat_min or 0)


@transaction.atomic
def _fell_silent(integration: Integration) -> None:
    turn = take_turn(integration.workspace)
    now = clock.now()
    still = Integration.objects.filter(
        pk=integration.pk, silent_since=None, last_seen_at=integration.last_seen_at
    )
    if still.update(silent_since=now) != 1:
        return  # another sweep was first, or it has just spoken
    last = integration.last_seen_at
    since = f"The last delivery came at {last:%F %T} UTC" if last else "It has never delivered"
    new = NewAlert(
        dedup_key=KEY,
        title=f"{integration.name} has fallen silent",
        severity=Severity.HIGH,
        severity_word="",
        is_severity_mapped=True,
        status=AlertStatus.FIRING,
        starts_at=now,
        ends_at=None,
        description=(
            f"{since}; it is expected to speak every {integration.heartbeat_min} min. "
            "What it watches may be in trouble without anybody being told."
        ),
        labels={"alertname": "SourceSilent", "integration": integration.name},
    )
    with turn:
        alerts.tell(new, integration=integration, turn=turn)


@transaction.atomic
def _ended(integration: Integration) -> None:
    turn = take_turn(integration.workspace)
    still = Integration.objects.filter(pk=integration.pk, silent_since=integration.silent_since)
    if still.update(silent_since=None) != 1:
        return
    told = Alert.objects.live().filter(integration=integration, dedup_key=KEY)
    for alert in told.select_related("service"):
        heard = min(integration.last_seen_at or clock.now(), clock.now())
        ended = max(heard, alert.starts_at)
        over = replace(episode.as_told(alert), status=AlertStatus.RESOLVED, ends_at=ended)
        with turn:
            alerts.tell(over, integration=integration, turn=turn)
