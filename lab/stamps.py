"""Times as the three query APIs write them."""

from datetime import datetime
from typing import Final

NANOSECOND_DIGITS: Final = 13


def unix_seconds(text: str) -> float:
    """Seconds since 1970 from a number or an RFC 3339 time. Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        return rfc3339_seconds(text)


def unix_ns(text: str) -> int:
    """Nanoseconds from nanoseconds, seconds (whole or decimal) or RFC 3339, as Loki reads them."""
    if text.isdigit() and len(text) >= NANOSECOND_DIGITS:
        return int(text)
    return round(unix_seconds(text) * 1e6) * 1000


def rfc3339_seconds(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time, which must name its zone. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone in {text!r}")
    return moment.timestamp()
