"""Keys: UUIDv7 (RFC 9562), so that rows sort by the time they were made."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def uuid7() -> UUID:
    """48 bits of Unix milliseconds, then version, variant and 74 random bits."""
    stamp = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    value = (stamp & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76
    value |= ((noise >> 62) & 0xFFF) << 64
    value |= 0b10 << 62
    value |= noise & ((1 << 62) - 1)
    return UUID(int=value)


def incident_key(number: int) -> str:
    return f"INC-{number}"


def moment_of(key: UUID) -> datetime:
    """When `uuid7` made a key."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)
