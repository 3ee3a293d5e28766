"""What a mapping would make of the payloads that came last. Nothing is stored by looking."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from incidents.ingest.alerts import Malformed, Message, NewAlert
from incidents.ingest.reading import read
from incidents.models import Delivery, Integration
from incidents.queries.deliveries import Body, body_of

PAYLOADS = 20
SHOWN_ALERTS = 5
SHOWN_LETTERS = 4096


@dataclass(frozen=True)
class Tried:
    """One payload under the mapping: the alerts it would become, or the field that is wrong."""

    delivery: Delivery
    body: Body
    alerts: tuple[NewAlert, ...] = ()
    more: int = 0
    note: str = ""
    field: str = ""
    error: str = ""


@dataclass(frozen=True)
class Preview:
    """`digest` says which mapping was looked at."""

    tried: list[Tried]
    digest: str

    @property
    def read(self) -> int:
        return sum(not each.error for each in self.tried)

    @property
    def news(self) -> str:
        if not self.tried:
            return "Nothing has come yet"
        return f"{self.read} of {len(self.tried)} payloads would be read"


def digest_of(mapping: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(mapping, sort_keys=True).encode()).hexdigest()


def preview(integration: Integration, mapping: Mapping[str, Any]) -> Preview:
    """The last payloads under a mapping, newest first; those nobody has proven are left out."""
    kept = integration.deliveries.filter(body_dropped_at__isnull=True)
    last = kept.exclude(state=Delivery.State.UNTRUSTED).order_by("-pk")[:PAYLOADS]
    tried = [_try(integration.kind, delivery, mapping) for delivery in last]
    return Preview(tried, digest_of(mapping))


def _try(kind: str, delivery: Delivery, mapping: Mapping[str, Any]) -> Tried:
    message = Message(
        body=bytes(delivery.body),
        received_at=delivery.received_at,
        content_type=delivery.content_type,
        headers=delivery.headers,
        channel=delivery.channel,
        most_alerts=settings.MAX_ALERTS_PER_DELIVERY,
    )
    body = body_of(delivery, shown=SHOWN_LETTERS)
    try:
        batch = read(kind, message, mapping=dict(mapping))
    except Malformed as wrong:
        return Tried(delivery, body, field=wrong.field, error=str(wrong))
    more = max(0, len(batch.alerts) - SHOWN_ALERTS)
    return Tried(delivery, body, batch.alerts[:SHOWN_ALERTS], more, note=batch.note)
