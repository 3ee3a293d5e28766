"""What a model says, in no vendor's form: one script for the fakes of both APIs.

Each fake turns it into the messages, events and errors of the published reference.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_NUMBERS = itertools.count(1)


class Ends(StrEnum):
    """Why an answer ends, and how the bytes do."""

    NORMALLY = "normally"
    LENGTH = "length"
    REFUSAL = "refusal"
    WINDOW = "window"  # the prompt did not fit
    PAUSED = "paused"  # the server wants to be asked to go on; the Messages API only
    FAILED = "failed"  # with `code` as the reason, after a status of 200; the Responses API only
    FILTERED = "filtered"  # an answer that a filter broke off; the Responses API only
    UNHEARD_OF = "unheard_of"  # a reason that no reference lists yet


class Wire(StrEnum):
    WHOLE = "whole"
    CUT = "cut"  # the connection breaks in the middle of an event
    SHORT = "short"  # the bytes end well, before the event that says why it stopped
    GARBLED = "garbled"  # an event that is no JSON
    ERROR = "error"  # an error of the server inside the stream, after a status of 200


@dataclass(frozen=True)
class Called:
    name: str
    arguments: Mapping[str, Any]
    id: str = field(default_factory=lambda: f"call_{next(_NUMBERS)}")


@dataclass(frozen=True)
class Said:
    """One answer to one request."""

    text: str = ""
    calls: Sequence[Called] = ()
    thought: str = ""
    ends: Ends = Ends.NORMALLY
    wire: Wire = Wire.WHOLE
    status: int = 200
    code: str = ""  # the vendor's word for an error
    headers: Mapping[str, str] = field(default_factory=dict)
    input_tokens: int = 100
    cached_tokens: int = 50
    output_tokens: int = 20


def failure(status: int, code: str = "", **headers: str) -> Said:
    """An error answer. The SDKs would wait and retry; without headers they are told not to."""
    told = headers or {"x-should-retry": "false"}
    return Said(status=status, code=code, headers={k.replace("_", "-"): v for k, v in told.items()})


def halves(text: str) -> list[str]:
    """The text in two parts, as a stream brings it."""
    middle = (len(text) + 1) // 2
    return [part for part in (text[:middle], text[middle:]) if part]


def loose_object(schema: object, where: str = "$") -> str:
    """The first object in a strict schema that is not closed, or bounds something; "" if none is.

    Both vendors refuse those.
    """
    if isinstance(schema, list):
        found = (loose_object(part, where) for part in schema)
        return next((one for one in found if one), "")
    if not isinstance(schema, dict):
        return ""
    bounds = {"minLength", "maxLength", "minimum", "maximum", "pattern", "default"} & set(schema)
    if bounds and not where.endswith("properties"):
        return f"{where}: {sorted(bounds)}"
    properties = schema.get("properties")
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or sorted(schema.get("required", ())) != sorted(properties or ())
    ):
        return where
    found = (loose_object(part, f"{where}.{name}") for name, part in schema.items())
    return next((one for one in found if one), "")
