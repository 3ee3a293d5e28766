"""The registry of formats: what pages tell of them, and which headers are kept."""

import pytest

from incidents.ingest.alerts import Message
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import MAX_HEADER, MAX_HEADERS, identity, kept_headers
from incidents.models import Integration
from tests.fakes.payloads.sent import NOW

SECRETS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-airra-token")


def test_every_kind_of_integration_that_is_read_here_has_its_format() -> None:
    kinds = {str(kind) for kind in Integration.Kind} - {Integration.Kind.OTLP}
    assert set(FORMATS) == kinds
    assert {kind: known.label for kind, known in FORMATS.items()} == {
        str(kind): kind.label for kind in Integration.Kind if kind != Integration.Kind.OTLP
    }


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_says_what_it_brings_and_where_it_is_described(kind: str) -> None:
    known = FORMATS[kind]
    assert known.has_alerts or known.has_changes
    assert known.docs.startswith(("https://", "docs/"))


@pytest.mark.parametrize("kind", FORMATS)
def test_secrets_are_never_kept(kind: str) -> None:
    sent = [(name, "secret") for name in (*SECRETS, *(name.title() for name in SECRETS))]
    assert kept_headers(kind, sent) == {}


def test_what_gives_a_delivery_meaning_is_kept_in_lower_case() -> None:
    sent = [("Sentry-Hook-Resource", "issue"), ("Idempotency-Key", "k"), ("Accept", "*/*")]
    assert kept_headers("sentry", sent) == {"sentry-hook-resource": "issue", "idempotency-key": "k"}
    assert kept_headers("alertmanager", sent) == {"idempotency-key": "k"}
    assert kept_headers("carrier pigeon", sent) == {}


def test_headers_without_end_are_cut() -> None:
    many = [(f"ce-a{number}", "x" * 5000 + "\x00") for number in range(500)]
    kept = kept_headers("cloudevents", many)
    assert len(kept) == MAX_HEADERS
    assert {len(value) for value in kept.values()} == {MAX_HEADER}
    assert kept_headers("cloudevents", [("ce-id", "a\x00\ud800")])["ce-id"].encode()


def test_a_kind_nobody_knows_has_no_identity() -> None:
    assert identity("carrier pigeon", Message(b"{}", received_at=NOW)) == ""
