"""Keys: UUIDv7 (RFC 9562), so that rows sort by the time they were made."""

import secrets
import threading
import time
from datetime import UTC, datetime
from uuid import UUID

_SET_BACK_MS = 1000
_turn = threading.Lock()
_newest = 0  # stamp and noise of the last one made


def uuid7() -> UUID:
    """48 bits of Unix milliseconds, then version, variant and 74 bits of noise.

    Of two that one process makes in the same millisecond, the later is the greater: RFC 9562, 6.2,
    method 2. A clock that is set back by more than a second is believed.
    """
    global _newest  # noqa: PLW0603 - one order for the whole process
    fresh = time.time_ns() // 1_000_000 << 74 | secrets.randbits(74)
    with _turn:
        ahead = (_newest >> 74) - (fresh >> 74)
        if fresh <= _newest and ahead <= _SET_BACK_MS:
            fresh = _newest + 1 + secrets.randbits(32)
        _newest = fresh
    stamp, high, low = fresh >> 74, fresh >> 62 & 0xFFF, fresh & (1 << 62) - 1
    return UUID(int=stamp << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def incident_key(number: int) -> str:
    return f"INC-{number}"


def moment_of(key: UUID) -> datetime:
    """When `uuid7` made a key."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
