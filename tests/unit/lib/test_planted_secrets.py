"""Planted secrets, of every kind, in every encoding, inside any text: none survives."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airra.lib.redact import found_in, redact, redact_document
from tests.planted import NAMED, SHAPED, SPLITS, WRITERS

EACH = 4  # of a kind: 76 kinds make more than 300 secrets


def secrets() -> list[tuple[str, str, str]]:
    """Kind, the text it stands in, and the secret itself."""
    found = []
    for kind, make in SHAPED.items():
        for seed in range(EACH):
            secret = make(random.Random(f"{kind}{seed}"))
            found.append((kind, f"it is {secret} now", secret))
    for kind, (context, make) in NAMED.items():
        for seed in range(EACH):
            secret = make(random.Random(f"{kind}{seed}"))
            found.append((kind, context.format(secret), secret))
    return found


SECRETS = secrets()


def parts_of(secret: str) -> list[str]:
    """What must not be left: the secret, or of a block any of its lines."""
    lines = [line for line in secret.splitlines() if not line.startswith("-----")]
    return lines if len(lines) > 1 else [secret]


def test_there_are_more_than_two_hundred_of_them() -> None:
    assert len({secret for _, _, secret in SECRETS}) >= 200
    assert len(WRITERS) >= 5


@pytest.mark.parametrize("name", WRITERS)
def test_none_survives_its_encoding(name: str) -> None:
    write, r = WRITERS[name], random.Random(name)
    for kind, text, secret in SECRETS:
        written = write(r, text)
        left = redact(f"before {written} after")
        for part in parts_of(secret):
            assert part not in left, (kind, name, left)
            coded = write(r, part)
            assert coded not in left, (kind, name, left)
        assert "[redacted" in left, (kind, name)
        assert not found_in(left), (kind, name, left)


@pytest.mark.parametrize("name", SPLITS)
def test_none_with_a_shape_survives_a_wrap(name: str) -> None:
    split, r = SPLITS[name], random.Random(name)
    for kind, make in SHAPED.items():
        secret = make(r)
        left = redact(f"it is {split(r, secret)} now")
        longest = max(parts_of(secret), key=len)
        assert longest[-12:] not in left, (kind, name, left)
        assert longest[:12] not in left, (kind, name, left)


@given(
    st.text(max_size=60),
    st.sampled_from(SECRETS),
    st.sampled_from(sorted(WRITERS)),
    st.text(max_size=60),
)
def test_whatever_stands_around_it(
    before: str, planted: tuple[str, str, str], name: str, after: str
) -> None:
    _, text, secret = planted
    written = WRITERS[name](random.Random(0), text)
    left = redact(f"{before} {written} {after}")
    for part in parts_of(secret):
        assert part not in left
    assert not found_in(left)


@given(st.text())
def test_twice_is_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    assert not found_in(once)


def test_a_block_over_the_lines_of_a_list_goes_whole() -> None:
    lines = SHAPED["rsa pem"](random.Random(7)).splitlines()
    left = redact_document({"log": ["start", *lines, "end"], "n": 1})
    assert left["n"] == 1
    for line in lines[1:-1]:
        assert line not in str(left)


def test_a_telling_name_hides_its_value_of_any_kind() -> None:
    document = {"db": {"password": "x"}, "apiKey": ["a", "b"], "user": "app", "tokens": 12}
    assert redact_document(document) == {
        "db": {"password": "[redacted secret]"},
        "apiKey": "[redacted secret]",
        "user": "app",
        "tokens": 12,
    }


@pytest.mark.parametrize(
    "text",
    [
        "payments: memory of payments rose from 4.1e7 to 8.9e7; token bucket is empty",
        "max_tokens: 8000, tokens: 4000 of 9000; the token expired",
        "bypass: enabled; compass: north; design: signature: f(a, b)",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7",
        "image sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "checkout-7d9f8b6c5d-x2x4z in /var/lib/kubelet/pods/0f2c6a5e-1b2c-4d3e-8f90-a1b2c3d4e5f6",
        "at 1790000000000000 ns, order 4111111111111112 of 123456789012345678",
        "GET /api/v1/services/checkout/instances/availability?from=2026-11-28T07:00:00Z 500 12ms",
        "java.lang.IllegalStateException: Connection pool exhausted (HikariPool-1, total=10)",
        "upstream connect error or disconnect/reset before headers. reset reason: failure",
        'rate(http_server_request_duration_seconds_bucket{service="checkout",le="0.5"}[5m])',
    ],
)
def test_what_an_investigation_needs_stays(text: str) -> None:
    assert redact(text) == text
