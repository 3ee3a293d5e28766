"""How each vendor signs a body: the headers it sends along."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNIX = int(NOW.timestamp())
BODY = b'{"title":  "disk full"}'
OTHER = b"somebody else's key"


def mac(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def generic(key: bytes, body: bytes = BODY, at: int = UNIX) -> dict[str, str]:
    return {"x-airra-signature": f"t={at},v1={mac(key, f'{at}.'.encode() + body)}"}


def grafana(key: bytes, body: bytes = BODY, at: int = UNIX) -> dict[str, str]:
    signature = mac(key, f"{at}:".encode() + body)
    return {
        "x-grafana-alerting-signature": signature,
        "x-grafana-alerting-timestamp": str(at),
    }


def pagerduty(key: bytes, body: bytes = BODY, at: int = UNIX) -> dict[str, str]:
    return {"x-pagerduty-signature": f"v1={mac(OTHER, body)},v1={mac(key, body)}"}


def sentry(key: bytes, body: bytes = BODY, at: int = UNIX) -> dict[str, str]:
    return {"sentry-hook-signature": mac(key, body), "sentry-hook-timestamp": str(at)}


def github(key: bytes, body: bytes = BODY, at: int = UNIX) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={mac(key, body)}"}


Signer = Callable[..., dict[str, str]]
SIGNERS: dict[str, Signer] = {
    "generic": generic,
    "grafana": grafana,
    "pagerduty": pagerduty,
    "sentry": sentry,
    "github": github,
}
