"""UUIDv7 keys."""

import time

from airra.lib.ids import uuid7


def test_version_and_variant_are_those_of_rfc_9562() -> None:
    for _ in range(200):
        made = uuid7()
        assert made.version == 7
        assert made.variant == "specified in RFC 4122"


def test_the_first_48_bits_are_the_present_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    stamp = uuid7().int >> 80
    assert before <= stamp <= time.time_ns() // 1_000_000


def test_keys_are_distinct() -> None:
    assert len({uuid7() for _ in range(5_000)}) == 5_000
