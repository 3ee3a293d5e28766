"""HMAC-SHA256 over `<timestamp>.<raw body>`, so that a body cannot be forged or replayed late."""

import hashlib
import hmac
from typing import Final

from lab.control.errors import Unauthorised

MAX_SKEW_S: Final = 300
PREFIX: Final = "sha256="


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The value of X-AIRRA-Signature."""
    message = timestamp.encode() + b"." + body
    return PREFIX + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def verify(secret: str, *, timestamp: str, signature: str, body: bytes, now: float) -> None:
    """Raises Unauthorised, saying which of the checks failed."""
    try:
        skew_s = abs(now - float(timestamp))
    except ValueError:
        raise Unauthorised("X-AIRRA-Timestamp must be Unix seconds") from None
    # Written so that a NaN is refused too.
    if not skew_s <= MAX_SKEW_S:
        raise Unauthorised(f"X-AIRRA-Timestamp is more than {MAX_SKEW_S} s off")
    if not hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode()):
        raise Unauthorised("X-AIRRA-Signature does not match the body")
