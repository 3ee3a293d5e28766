"""The body of a request as it was meant: inflated, within its cap, in a known encoding."""

import zlib
from enum import StrEnum

MAX_BYTES = 8 * 1024 * 1024  # once inflated; a batch of 4,000 usual spans has about 2 MiB
MAX_RECORDS = 20_000

_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 64 * 1024


class Encoding(StrEnum):
    BINARY = "application/x-protobuf"
    JSON = "application/json"


class Unreadable(Exception):
    """The body is not what it says it is; the message says where and why."""


class TooLarge(Exception):
    """More than is taken in one request; the message says of what, and what to do."""


def inflated(body: bytes, *, limit: int = MAX_BYTES) -> bytes:
    """The contents of a gzip body of one or more members.

    Never holds more than `limit` bytes, however small the body is. Raises `TooLarge` beyond them
    and `Unreadable` on what is not gzip or ends early.
    """
    found = bytearray()
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            try:
                part = member.decompress(rest, min(_CHUNK, limit + 1 - len(found)))
            except zlib.error as error:
                msg = f"Content-Encoding says gzip, but the body is not: {error}"
                raise Unreadable(msg) from error
            found += part
            if len(found) > limit:
                raise TooLarge(too_many_bytes(limit))
            rest = member.unconsumed_tail
            if not part and not rest and not member.eof:
                msg = "the gzip body ends before its end"
                raise Unreadable(msg)
        rest = member.unused_data
    return bytes(found)


def too_many_bytes(limit: int = MAX_BYTES) -> str:
    return f"the body holds more than {limit // 1024 // 1024} MiB: send smaller batches"


def too_many_records() -> str:
    return f"the body holds more than {MAX_RECORDS:,} records: send smaller batches"
