"""Whether a delivery is its sender's: what is held against it, and what is kept of a forged one.

A delivery is stored before it is judged, and holds all that judging it takes, so that a job can
still judge it when the process that stored it has died. A token itself is never stored: a mark
stands for it, until it is refused.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from airra.lib.sealed import CannotUnseal, unseal
from incidents.commands.sns import certificate
from incidents.ingest.alerts import clean
from incidents.ingest.trust import claims
from incidents.ingest.trust.claims import Arrival, Held, Trusted, Untrusted, Verdict
from incidents.ingest.trust.judge import judge
from incidents.models import Delivery, Integration, IntegrationSecret

# Our own notes in the headers of a delivery; no sender can send them, for they are not kept.
MARK = "airra-token-mark"
PROVEN = "airra-proven"  # how it was proven, when the row itself cannot show it again
CUT_FROM = "airra-cut-from"

UNTRUSTED_KEPT = 50
UNTRUSTED_BYTES = 64 * 1024
_USE_NOTED_EVERY = timedelta(minutes=1)
_SEEN_NOTED_EVERY = timedelta(seconds=15)


@dataclass(frozen=True)
class Envelope:
    """What came with a body. `token_mark` None: it is AIRRA's own, and needs no proof."""

    content_type: str = ""
    headers: Mapping[str, str] | None = None
    channel: str = ""
    remote: str = ""
    token_mark: str | None = None

    def kept(self) -> dict[str, str]:
        """The headers as they are stored."""
        found = dict(self.headers or {})
        if self.token_mark is None:
            return {**found, PROVEN: "AIRRA sent it itself"}
        return {**found, MARK: self.token_mark} if self.token_mark else found


def sent_headers(delivery: Delivery) -> dict[str, str]:
    """The headers its sender sent, without our own notes."""
    return {n: v for n, v in delivery.headers.items() if n not in {MARK, PROVEN, CUT_FROM}}


def mark_of(token: str) -> str:
    """What is kept of a token that came along; nothing of none."""
    return _mark(claims.digest_of(token)) if token else ""


def _mark(digest: str) -> str:
    return _peppered(digest, settings.SECRET_KEY)


@lru_cache(maxsize=1000)  # the same few tokens come with every delivery
def _peppered(digest: str, secret: str) -> str:
    pepper = hashlib.sha256(b"airra token marks 1" + secret.encode()).digest()
    return claims.mark_of(digest, pepper=pepper)


def verdict_on(delivery: Delivery) -> Verdict:
    """Whether it is proven, by what held when it arrived."""
    headers = delivery.headers
    if PROVEN in headers:
        return Trusted()
    arrival = Arrival(
        bytes(delivery.body), delivery.received_at, headers, token_mark=headers.get(MARK, "")
    )
    return prove(delivery.integration, arrival)


def prove(integration: Integration, arrival: Arrival) -> Verdict:
    return judge(
        integration.kind,
        arrival,
        held_by(integration),
        topics=integration.topics,
        certificates=certificate,
    )


def held_by(integration: Integration) -> list[Held]:
    return [_held(secret) for secret in integration.secrets.all()]


def _held(secret: IntegrationSecret) -> Held:
    if secret.use == IntegrationSecret.Use.TOKEN:
        return Held(secret.pk, mark=_mark(secret.digest or ""), expires_at=secret.expires_at)
    try:
        key = unseal(secret.sealed or b"")
    except CannotUnseal:  # AIRRA_PAYLOAD_KEY was changed: a key that nothing can fit
        key = hashlib.sha256(uuid7().bytes).digest()
    return Held(secret.pk, key=key, expires_at=secret.expires_at)


def note_use(integration: Integration, verdict: Trusted) -> None:
    """When the sender was last heard, and which secret proved it; not at each delivery."""
    now = clock.now()
    seen = integration.last_seen_at
    if seen is None or now - seen >= _SEEN_NOTED_EVERY:
        Integration.objects.filter(pk=integration.pk).update(last_seen_at=now)
        integration.last_seen_at = now
    for secret in integration.secrets.all():
        last = secret.last_used_at
        if secret.pk == verdict.secret and (last is None or now - last >= _USE_NOTED_EVERY):
            IntegrationSecret.objects.filter(pk=secret.pk).update(last_used_at=now)
            secret.last_used_at = now


def distrust(delivery: Delivery, verdict: Untrusted) -> None:
    """Keep a forged delivery with the reason, without its token and its identity, and cut short.

    Its identity is free again, so that the true delivery is not taken for a repeat of it.
    """
    body = bytes(delivery.body)
    headers = {name: value for name, value in delivery.headers.items() if name != MARK}
    if len(body) > UNTRUSTED_BYTES:
        headers[CUT_FROM] = str(len(body))
    now = {
        "state": Delivery.State.UNTRUSTED,
        "identity": uuid7().hex,
        "body": body[:UNTRUSTED_BYTES],
        "headers": headers,
        "error": clean(verdict.reason),
        "note": _why_final(verdict, headers),
    }
    changed = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.STORED).update(**now)
    if changed:
        for name, value in now.items():
            setattr(delivery, name, value)
        _keep_newest(delivery.integration_id)


def _why_final(verdict: Untrusted, headers: Mapping[str, str]) -> str:
    """Why it can never be judged again; empty when it can."""
    if not verdict.is_signed:
        return "What should prove it is not kept, so it cannot be judged again."
    if CUT_FROM in headers:
        return f"Only its first {UNTRUSTED_BYTES // 1024} KiB are kept: it cannot be judged again."
    return ""


def _keep_newest(integration_id: UUID) -> None:
    """A forger who does not stop only ever holds so many rows."""
    held = Delivery.objects.filter(
        Q(state=Delivery.State.UNTRUSTED), integration_id=integration_id
    ).order_by("-id")
    old = list(held.values_list("pk", flat=True)[UNTRUSTED_KEPT : UNTRUSTED_KEPT + 100])
    if old:
        Delivery.objects.filter(pk__in=old, alerts=None, changes=None).delete()
