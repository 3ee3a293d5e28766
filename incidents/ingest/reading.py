"""From a delivery to its alerts and changes."""

from collections.abc import Iterable

from incidents.ingest.alerts import Batch, Malformed, Message, clean
from incidents.ingest.formats.draft import digest
from incidents.ingest.formats.registry import FORMATS

MAX_HEADERS = 60
MAX_HEADER = 2000


def read(kind: str, message: Message, *, mapping: object) -> Batch:
    """What a delivery of this kind of integration holds.

    Raises `Malformed`: without a field when the body is not JSON, else naming what is wrong.
    """
    found = FORMATS.get(kind)
    if found is None:
        raise Malformed("kind", f"one of {', '.join(FORMATS)}", kind)
    return found.parse(message, mapping=mapping)


def identity(kind: str, message: Message) -> str:
    """What makes two deliveries of one integration the same, in 64 letters; never raises.

    A sender's `Idempotency-Key` comes first. Empty when the sender does not say: then the body must
    serve, and the same body is a repeat only while its sender has said nothing else in between (it
    fired, cleared, and fires again).
    """
    found = FORMATS.get(kind)
    key = message.headers.get("idempotency-key", "")
    if key:
        return digest("key", key)
    try:
        return found.identity(message) if found else ""
    except Malformed:
        return ""


def kept_headers(kind: str, headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What is stored of a delivery's headers: names in lower case, no secrets, nothing endless."""
    found = FORMATS.get(kind)
    lowered = ((name.lower(), value) for name, value in headers)
    kept = {
        name: clean(value)[:MAX_HEADER] for name, value in lowered if found and found.keeps(name)
    }
    return dict(list(kept.items())[:MAX_HEADERS])
