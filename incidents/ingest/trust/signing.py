"""The headers a sender would sign a body with: the other side of `signatures`."""

from collections.abc import Mapping
from datetime import datetime

from incidents.ingest.trust import signatures
from incidents.ingest.trust.signatures import sign


def signed(kind: str, key: bytes, body: bytes, *, at: datetime) -> Mapping[str, str]:
    """Signed with this key at this time. Raises `KeyError` for a kind that does not sign."""
    told_at = str(int(at.timestamp()))
    if kind == "generic":
        return {signatures.GENERIC: f"t={told_at},v1={sign(key, told_at.encode() + b'.' + body)}"}
    header, begin = _PLAIN[kind]
    return {header: begin + sign(key, body)}


_PLAIN = {
    "grafana": (signatures.GRAFANA, ""),
    "pagerduty": (signatures.PAGERDUTY, "v1="),
    "sentry": (signatures.SENTRY, ""),
    "github": (signatures.GITHUB, "sha256="),
}
