"""What the attributes of a span say of it, by the conventions of OpenTelemetry and OpenTracing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from analysis.connectors.base import plain
from analysis.types import Span

# Who was called, in the order of how plainly the tag says so (OpenTelemetry, then OpenTracing).
_PEERS = (
    "peer.service",
    "server.address",
    "net.peer.name",
    "db.system.name",
    "db.system",
    "peer.address",
)
_LONGEST_TRACE_S = 86_400.0
_KINDS = frozenset({"client", "server"})


def kind_of(name: str) -> str:
    """client, server or internal. A message is no call: nobody waits for its answer."""
    kind = name.lower()
    return kind if kind in _KINDS else "internal"


def peer_of(tags: Mapping[str, Any]) -> str:
    return next((plain(tags[name]) for name in _PEERS if tags.get(name)), "")


def has_failed(tags: Mapping[str, Any]) -> bool:
    """Whether the tags call it an error, or its HTTP status is the server's fault."""
    if str(tags.get("error", "")).lower() == "true" or tags.get("otel.status_code") == "ERROR":
        return True
    status = str(tags.get("http.status_code") or tags.get("http.response.status_code") or "")
    return status.startswith("5")


def near(spans: Iterable[Span], *, start: float, end: float) -> Iterator[Span]:
    """Those that a trace in [start, end] can have: a clock that is years off is not believed."""
    for span in spans:
        if start - _LONGEST_TRACE_S <= span.start <= end + _LONGEST_TRACE_S:
            yield span
