"""The registry of formats: what pages tell of them, and which headers are kept."""

import pytest

from incidents.ingest.alerts import Message
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.reading import identity
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
    assert [name for name in SECRETS if FORMATS[kind].keeps(name)] == []


def test_what_gives_a_delivery_meaning_is_kept() -> None:
    sent = ("sentry-hook-resource", "idempotency-key", "accept", "ce-id")
    assert [n for n in sent if FORMATS["sentry"].keeps(n)] == list(sent[:2])
    assert [n for n in sent if FORMATS["alertmanager"].keeps(n)] == ["idempotency-key"]
    assert [n for n in sent if FORMATS["cloudevents"].keeps(n)] == ["idempotency-key", "ce-id"]
    assert not FORMATS["cloudevents"].keeps("cert")


def test_a_kind_nobody_knows_has_no_identity() -> None:
    assert identity("carrier pigeon", Message(b"{}", received_at=NOW)) == ""
