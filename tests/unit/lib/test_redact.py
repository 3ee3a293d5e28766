"""No secret survives, whatever stands around it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airra.lib.redact import found_in, redact

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nAQEAyZ1nQx"
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----"  # gitleaks:allow
SECRETS = {
    "whole key block": (KEY, BODY),
    "key block that was cut off": (KEY[:60], BODY[:20]),
    "JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sflKxwRJSM", "eyJzdWIiOiIxMjM0In0"),
    "cloud key": ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    "bearer header": ("Authorization: Bearer abcdef123456", "abcdef123456"),
    "basic header": ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),
    "cookie": ("Cookie: sessionid=abc123", "abc123"),
    "URL with a user": ("postgres://app:s3cret@db/x", "s3cret"),
    "password field": ('{"password": "hunter22"}', "hunter22"),
    "assignment": ("API_KEY=abcd1234efgh", "abcd1234efgh"),
    "our own token": ("airra_api_abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"),
}


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_it_is_gone(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "[redacted" in redact(text)
    assert found_in(text)
    assert not found_in(redact(text))


@pytest.mark.parametrize(("text", "secret"), SECRETS.values(), ids=SECRETS)
def test_also_inside_json(text: str, secret: str) -> None:
    document = json.dumps({"view": redact(text)})
    assert secret not in document
    assert not found_in(json.loads(document)["view"])


@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text())
def test_whatever_stands_around_it(before: str, kind: str, after: str) -> None:
    text, secret = SECRETS[kind]
    left = redact(f"{before} {text} {after}")
    assert secret not in left.replace(after, "") or secret in after + before


@given(st.text())
def test_twice_is_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_plain_words_stay() -> None:
    text = "payments: memory of payments rose from 4.1e7 to 8.9e7; token bucket is empty"
    assert redact(text) == text
