"""From a delivery to its alerts and changes."""

from incidents.ingest.alerts import Batch, Malformed, Message
from incidents.ingest.formats.draft import digest
from incidents.ingest.formats.registry import FORMATS


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
