"""Every format there is: how it is read, and what people are told about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from incidents.ingest.alerts import Batch, Message
from incidents.ingest.formats import alertmanager, generic


class Parse(Protocol):
    def __call__(self, message: Message, *, mapping: object) -> Batch: ...


@dataclass(frozen=True)
class Format:
    """One kind of integration. `parse` raises `Malformed`; so may `identity`, empty is "unsaid".

    `headers` are the names, in lower case, that are kept with a delivery: what its sender gave
    meaning or signed. Never one that holds a secret.
    """

    kind: str
    label: str
    docs: str
    parse: Parse
    identity: Callable[[Message], str]
    headers: frozenset[str] = frozenset()
    has_alerts: bool = True
    has_changes: bool = False
    is_mapped: bool = False  # it is read through the integration's mapping
    template: str = ""  # what people paste at the sender, where its body is of their making


def _plain(parse: Callable[[Message], Batch]) -> Parse:
    """Of a format that needs no mapping."""

    def read(message: Message, *, mapping: object) -> Batch:
        return parse(message)

    return read


_ALL = (
    Format(
        "alertmanager",
        "Alertmanager v4",
        "https://prometheus.io/docs/alerting/latest/configuration/#webhook_config",
        _plain(alertmanager.parse),
        alertmanager.identity,
    ),
    Format(
        "generic",
        "Generic JSON",
        "https://jmespath.org/specification.html",
        generic.parse,
        generic.identity,
        headers=frozenset({"idempotency-key"}),
        is_mapped=True,
    ),
)

FORMATS: dict[str, Format] = {found.kind: found for found in _ALL}
