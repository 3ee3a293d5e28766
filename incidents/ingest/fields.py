"""Reading an untrusted JSON document: every complaint names the place and what belongs there."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from incidents.ingest.alerts import Malformed, Message, clean

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11  # Unix seconds reach this in the year 5138
_DIGITS = re.compile(r"[0-9]{9,16}(\.[0-9]{1,9})?")  # no ISO 8601 time has this shape
_OFFSET_TWICE = re.compile(r"([+-][0-9]{2}:[0-9]{2})Z$")  # as PagerDuty's own Python client ends it
_LEAP_SECOND = re.compile(r"(T[0-9]{2}:[0-9]{2}):60")
TIME = "a time with its offset, like 2026-03-01T12:00:00Z"
MAX_DEPTH = 64
MAX_FACT = 2000
_DEPTH = f"JSON with at most {MAX_DEPTH} levels of objects and lists"


def decode(body: bytes | str) -> Any:
    """The document of a body. Raises `Malformed` without a field when it is not JSON."""
    try:
        found = _DECODER.decode(_text(body))
    except RecursionError as error:
        raise Malformed("", _DEPTH) from error
    except ValueError as error:
        start = body[:60]
        shown = start if isinstance(start, str) else start.decode(errors="replace")
        raise Malformed("", "JSON", _shown(shown)) from error
    if _may_be_deep(body) and _is_too_deep(found):
        raise Malformed("", _DEPTH)
    return found


def _text(body: bytes | str) -> str:
    """As `json.loads` reads bytes."""
    if isinstance(body, str):
        return body
    return body.decode(json.detect_encoding(body), "surrogatepass")


def _may_be_deep(body: bytes | str) -> bool:
    """Whether it opens enough objects and lists; counting is cheaper than walking through them."""
    if isinstance(body, str):
        return body.count("{") + body.count("[") > MAX_DEPTH
    return body.count(b"{") + body.count(b"[") > MAX_DEPTH


def document(message: Message) -> "Field":
    """The document of a delivery, as the root of its paths."""
    return Field("", decode(message.body))


def _is_too_deep(found: Any) -> bool:
    level = [found]
    for _ in range(MAX_DEPTH + 1):
        containers = [inner for inner in level if isinstance(inner, dict | list)]
        if not containers:
            return False
        level = [
            child
            for inner in containers
            for child in (inner.values() if isinstance(inner, dict) else inner)
        ]
    return True


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise ValueError(msg)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # made once, not at every body


def _as_python_reads(time: str) -> str:
    """The same time without what RFC 3339 allows and Python refuses: "z", and a 61st second."""
    offset_once = _OFFSET_TWICE.sub(r"\1", time.upper())
    return _LEAP_SECOND.sub(r"\1:59", offset_once)


def _shown(value: object) -> str:
    try:
        text = clean(value if isinstance(value, str) else json.dumps(value, default=str))
    except (RecursionError, ValueError):  # made by an expression: too deep, or too many digits
        return "something too large to show"
    return f"{text[:60]!r}"


def _fact(value: Any) -> str:
    return clean(value if isinstance(value, str) else json.dumps(value))[:MAX_FACT]


@dataclass(frozen=True)
class Field:
    """A place in a document: its value, and the path that leads there. None: nothing is there."""

    path: str
    value: Any

    @property
    def is_missing(self) -> bool:
        return self.value is None

    def refuse(self, expected: str) -> NoReturn:
        got = "nothing" if self.is_missing else _shown(self.value)
        raise Malformed(self.path, expected, got)

    def __getitem__(self, name: str) -> "Field":
        """The member of this name; of the body itself when the path is still empty."""
        members = self.members()
        path = f"{self.path}.{name}" if self.path else name
        return Field(path, members.get(name))

    def members(self) -> Mapping[str, Any]:
        if not isinstance(self.value, Mapping):
            Field(self.path or "the body", self.value).refuse("an object")
        return self.value

    def items(self) -> list["Field"]:
        if not isinstance(self.value, list):
            self.refuse("a list")
        return [Field(f"{self.path}[{i}]", value) for i, value in enumerate(self.value)]

    def text(self) -> str:
        """A text; empty when nothing is there."""
        if self.is_missing:
            return ""
        if not isinstance(self.value, str):
            self.refuse("a text")
        return clean(self.value).strip()

    def word(self) -> str:
        """A text, or a number or truth value written as one; empty when nothing is there."""
        if not isinstance(self.value, bool | int | float):
            return self.text()
        try:
            return json.dumps(self.value)
        except ValueError:  # an expression can make a number of more digits than may be written
            self.refuse("a text or a number")

    def texts(self) -> dict[str, str]:
        """An object of texts; empty when nothing is there."""
        if self.is_missing:
            return {}
        return {clean(name): self[name].text() for name in self.members()}

    def words(self) -> dict[str, str]:
        """As `texts`, with numbers allowed."""
        if self.is_missing:
            return {}
        return {
            clean(name): self[name].word()
            for name in self.members()
            if self[name].value is not None
        }

    def facts(self) -> dict[str, str]:
        """An object of whatever a sender likes to tell, each part as a text; nothing refused.

        Objects and lists become their JSON; what is not an object has no facts.
        """
        if not isinstance(self.value, Mapping):
            return {}
        return {
            clean(name): _fact(value) for name, value in self.value.items() if value is not None
        }

    def count(self) -> int:
        """A whole number from zero; zero when nothing is there."""
        if self.is_missing:
            return 0
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < 0:
            self.refuse("a whole number, zero or more")
        return int(self.value)

    def moment(self) -> datetime | None:
        """An RFC 3339 time in UTC, nanoseconds cut to microseconds.

        None when nothing is there, or a time before 1970, which is how Go writes "no time".
        """
        if self.is_missing:
            return None
        try:
            found = datetime.fromisoformat(_as_python_reads(self.text()))
        except ValueError:
            self.refuse(TIME)
        if found.tzinfo is None:
            self.refuse(TIME)
        try:
            utc = found.astimezone(UTC)
        except OverflowError:  # the first or last day there is, moved beyond it by an offset
            return None
        return utc if utc >= _EPOCH else None

    def moment_or_unix(self) -> datetime | None:
        """As `moment`; also Unix seconds, or milliseconds when the number is that large.

        The number may be written as a text. Zero and less say nothing, as a time before 1970 does.
        """
        value = self.value
        if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.moment()
        try:
            seconds = float(value)
            scaled = seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds
            is_told = scaled > 0 and math.isfinite(scaled)
            return datetime.fromtimestamp(scaled, tz=UTC) if is_told else None
        except (OverflowError, ValueError, OSError):
            self.refuse("a time, or Unix seconds")
