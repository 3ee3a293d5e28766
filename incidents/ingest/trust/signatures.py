"""Signatures with a shared key: HMAC-SHA256 over the raw body, each vendor in its own header.

| kind | header | signs |
|---|---|---|
| generic | `X-Airra-Signature: t=<unix>,v1=<hex>` | `t`, a dot, the body |
| grafana | `X-Grafana-Alerting-Signature: <hex>` | the body; with a timestamp header `time:body` |
| pagerduty | `X-PagerDuty-Signature: v1=<hex>,v1=<hex>` | the body, once for each key of theirs |
| sentry | `Sentry-Hook-Signature: <hex>` | the body, not its `Sentry-Hook-Timestamp` |
| github | `X-Hub-Signature-256: sha256=<hex>` | the body |
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from incidents.ingest.trust.claims import WINDOW_S, Arrival, Held, Trusted, Untrusted, Verdict

GENERIC = "x-airra-signature"
GRAFANA, GRAFANA_TIME = "x-grafana-alerting-signature", "x-grafana-alerting-timestamp"
PAGERDUTY = "x-pagerduty-signature"
SENTRY, SENTRY_TIME = "sentry-hook-signature", "sentry-hook-timestamp"
GITHUB = "x-hub-signature-256"
UNSIGNED = "it is not signed"
_MOST = 20  # signatures in one header: a rotation has two


@dataclass(frozen=True)
class Signed:
    """What a request claims: these signatures, over these bytes, made at this Unix time."""

    signatures: tuple[str, ...]
    message: bytes
    told_at: str = ""
    must_tell_time: bool = False


def by_signature(
    arrival: Arrival, held: Sequence[Held], *, read: Callable[[Arrival], Signed]
) -> Verdict:
    """By a key that still holds. Each key is tried on each signature, whatever came before."""
    signed = read(arrival)
    if not signed.signatures:
        return Untrusted(UNSIGNED)
    if reason := _staleness(signed, arrival):
        return Untrusted(reason, is_signed=True)
    equal = [key for key in held if key.key and _fits(signed, key.key)]
    good = [key for key in equal if key.holds_at(arrival.received_at)]
    if good:
        return Trusted(good[0].pk)
    if equal:
        return Untrusted("it is signed with a key that has run out", is_signed=True)
    return Untrusted("its signature fits no key of this integration", is_signed=True)


def sign(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, "sha256").hex()


def _fits(signed: Signed, key: bytes) -> bool:
    expected = sign(key, signed.message).encode()
    found = [
        hmac.compare_digest(expected, given.lower().encode("utf-8", "replace"))
        for given in signed.signatures
    ]
    return any(found)


def _staleness(signed: Signed, arrival: Arrival) -> str:
    """Why its time speaks against it; empty when it does not."""
    if not signed.told_at:
        return "it does not say when it was signed" if signed.must_tell_time else ""
    if not (signed.told_at.isascii() and signed.told_at.isdigit() and len(signed.told_at) < 14):
        return "the time of its signature is not in Unix seconds"
    told = int(signed.told_at)
    told = told // 1000 if len(signed.told_at) == 13 else told
    off_s = arrival.received_at.timestamp() - told
    if abs(off_s) <= WINDOW_S:
        return ""
    side = "before" if off_s > 0 else "after"
    return f"it was signed {abs(off_s):.0f} s {side} it arrived: more than {WINDOW_S} s"


def _generic(arrival: Arrival) -> Signed:
    parts = _pairs(arrival.headers.get(GENERIC, ""))
    at = next((value for name, value in parts if name == "t"), "")
    message = at.encode("utf-8", "replace") + b"." + arrival.body
    return Signed(_named(parts, "v1"), message, told_at=at, must_tell_time=True)


def _grafana(arrival: Arrival) -> Signed:
    given = arrival.headers.get(GRAFANA, "").strip()
    at = arrival.headers.get(GRAFANA_TIME, "").strip()
    message = at.encode("utf-8", "replace") + b":" + arrival.body if at else arrival.body
    return Signed((given,) if given else (), message, told_at=at)


def _pagerduty(arrival: Arrival) -> Signed:
    return Signed(_named(_pairs(arrival.headers.get(PAGERDUTY, "")), "v1"), arrival.body)


def _sentry(arrival: Arrival) -> Signed:
    given = arrival.headers.get(SENTRY, "").strip()
    at = arrival.headers.get(SENTRY_TIME, "").strip()
    return Signed((given,) if given else (), arrival.body, told_at=at)


def _github(arrival: Arrival) -> Signed:
    name, _, given = arrival.headers.get(GITHUB, "").strip().partition("=")
    return Signed((given,) if name == "sha256" and given else (), arrival.body)


def _pairs(header: str) -> list[tuple[str, str]]:
    found = [part.strip().partition("=") for part in header.split(",")[:_MOST]]
    return [(name, value) for name, _, value in found]


def _named(parts: Sequence[tuple[str, str]], wanted: str) -> tuple[str, ...]:
    return tuple(value for name, value in parts if name == wanted and value)


READ: Mapping[str, Callable[[Arrival], Signed]] = {
    "generic": _generic,
    "grafana": _grafana,
    "pagerduty": _pagerduty,
    "sentry": _sentry,
    "github": _github,
}
# What to tell a sender whose token was enough until a key was set.
HOW: Mapping[str, str] = {
    "generic": "sign it with the signing key, as 'X-Airra-Signature: t=<unix seconds>,v1=<hex>'",
    "grafana": "set the signing key as the secret of the contact point's HMAC signature",
}
HEADERS: Mapping[str, frozenset[str]] = {
    "generic": frozenset({GENERIC}),
    "grafana": frozenset({GRAFANA, GRAFANA_TIME}),
    "pagerduty": frozenset({PAGERDUTY}),
    "sentry": frozenset({SENTRY, SENTRY_TIME}),
    "github": frozenset({GITHUB}),
}
