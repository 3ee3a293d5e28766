"""What an API's error means for the chain, the same for both vendors (`reasoning.md` §1.3).

The SDKs have retried 408, 409, 429 and everything from 500 on before an error gets here; nothing
retries again.
"""

from airra.lib.redact import redact
from analysis.reasoning.talk import ReasonerError, Rejected, Unavailable

_ADMIN = frozenset({401, 402, 403, 404})
_BUSY = frozenset({408, 409, 429, 529})
# Codes that outweigh the status they come with: money and keys under 429, busy in a 200 stream.
_ADMIN_CODES = frozenset(
    {
        "authentication_error",
        "billing_error",
        "billing_hard_limit_reached",
        "insufficient_quota",
        "invalid_api_key",
        "not_found_error",
        "permission_error",
    }
)
_BUSY_CODES = frozenset(
    {
        "api_error",
        "overloaded_error",
        "rate_limit_error",
        "rate_limit_exceeded",
        "server_error",
        "timeout_error",
    }
)


def by_status(status: int, code: str, message: str) -> ReasonerError:
    """The error of an HTTP status and the vendor's code for it."""
    words = redact(message)[:160]
    if code in _ADMIN_CODES or status in _ADMIN:
        return Rejected(f"the API answered {status} ({code or 'no code'}): {words}")
    if code in _BUSY_CODES or status in _BUSY or status >= 500:
        return Unavailable(f"the API answered {status} ({code or 'no code'})")
    return ReasonerError(f"the API answered {status}: {words}")


def unreachable(error: Exception) -> Unavailable:
    """No connection, a time-out, or a stream that was cut."""
    return Unavailable(f"the connection failed: {redact(str(error))[:120] or type(error).__name__}")


def cut_off() -> Unavailable:
    return Unavailable("the stream ended in the middle of an answer")
