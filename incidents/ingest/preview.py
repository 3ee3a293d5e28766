"""A mapping tried on deliveries there are, before it is saved. Pure: nothing is stored."""

from collections.abc import Iterable
from dataclasses import dataclass

from incidents.ingest.alerts import Batch, Malformed, Message
from incidents.ingest.mapping import checked
from incidents.ingest.reading import read


@dataclass(frozen=True)
class Preview:
    """What a mapping makes of one delivery: a batch, or the field and the words of a refusal."""

    message: Message
    batch: Batch | None
    field: str = ""
    error: str = ""


def preview(
    mapping: object, messages: Iterable[Message], *, kind: str = "generic"
) -> list[Preview]:
    """One preview a delivery. Raises `Malformed` when the mapping itself is wrong."""
    checked(mapping)
    return [_tried(mapping, message, kind) for message in messages]


def _tried(mapping: object, message: Message, kind: str) -> Preview:
    try:
        return Preview(message, read(kind, message, mapping=mapping))
    except Malformed as wrong:
        return Preview(message, None, wrong.field, str(wrong))
