"""Whether a delivery is from its integration's sender: one answer for every kind."""

from collections.abc import Sequence

from incidents.ingest.trust import sns
from incidents.ingest.trust.claims import (
    Arrival,
    Certificates,
    Held,
    Unavailable,
    Untrusted,
    Verdict,
    by_token,
)
from incidents.ingest.trust.signatures import HEADERS, READ, by_signature

SNS = "cloudwatch_sns"
# Who can sign with a key of the integration; and who cannot send a token along at all.
SIGNABLE = frozenset(READ)
ONLY_SIGNED = frozenset({"pagerduty", "sentry", "github"})
WITHOUT_TOKEN = ONLY_SIGNED | {SNS}


def _nowhere(url: str) -> bytes:
    msg = "certificates are not fetched here"
    raise Unavailable(msg)


def judge(
    kind: str,
    arrival: Arrival,
    held: Sequence[Held],
    *,
    topics: Sequence[str] = (),
    certificates: Certificates = _nowhere,
) -> Verdict:
    """Whether it is proven, by what held when it arrived.

    Whoever can sign and has been given a key must sign: a token does not do any more.
    """
    if kind == SNS:
        return sns.by_certificate(arrival, topics=topics, certificates=certificates)
    keys = [secret for secret in held if secret.key]
    has_key = any(key.holds_at(arrival.received_at) for key in keys)
    if kind in SIGNABLE and (has_key or kind in ONLY_SIGNED):
        if not keys:
            is_signed = bool(READ[kind](arrival).signatures)
            return Untrusted("this integration has no signing key yet", is_signed=is_signed)
        return by_signature(arrival, keys, read=READ[kind])
    return by_token(arrival, held)


def is_kept_for_trust(kind: str, header: str) -> bool:
    """Whether a header, in lower case, is part of how this kind signs."""
    return header in HEADERS.get(kind, frozenset())
