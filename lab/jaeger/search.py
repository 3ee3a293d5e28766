"""What a trace search asks for."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lab.jaeger.store import Span, TagValue

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT_US: Final = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7, "h": 3.6e9}
DEFAULT_LIMIT: Final = 100


class BadSearch(ValueError):
    """A parameter is missing or cannot be read."""


@dataclass(frozen=True, slots=True)
class Search:
    """A trace is found when one of its spans meets every condition."""

    service: str
    operation: str
    start_us: float
    end_us: float
    limit: int
    min_us: float
    max_us: float
    tags: Mapping[str, str]

    def finds(self, spans: list[Span]) -> bool:
        return any(self._meets(span) for span in spans)

    def _meets(self, span: Span) -> bool:
        return (
            span.service == self.service
            and (not self.operation or span.operation == self.operation)
            and self.min_us <= span.duration_us <= self.max_us
            and all(_text(span.tags.get(key)) == value for key, value in self.tags.items())
        )


def read(query: Mapping[str, str], *, now_us: float) -> Search:
    """Raises BadSearch."""
    if not query.get("service"):
        raise BadSearch("parameter 'service' is required")
    try:
        return Search(
            service=query["service"],
            operation=query.get("operation", ""),
            start_us=float(query.get("start") or 0),
            end_us=float(query.get("end") or now_us),
            limit=int(query.get("limit") or DEFAULT_LIMIT),
            min_us=_duration_us(query.get("minDuration")) or 0.0,
            max_us=_duration_us(query.get("maxDuration")) or float("inf"),
            tags=_tags(query),
        )
    except ValueError as exc:
        raise BadSearch(f"unable to parse param: {exc}") from None


def _duration_us(text: str | None) -> float | None:
    if not text:
        return None
    parts = _DURATION.findall(text)
    if "".join(amount + unit for amount, unit in parts) != text:
        raise ValueError(f"time: invalid duration {text!r}")
    return sum(float(amount) * _UNIT_US[unit] for amount, unit in parts)


def _tags(query: Mapping[str, str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    if query.get("tags"):
        tags.update({key: str(value) for key, value in json.loads(query["tags"]).items()})
    if query.get("tag"):
        key, _, value = query["tag"].partition(":")
        tags[key] = value
    return tags


def _text(value: TagValue | None) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)
