"""Whether labels satisfy what a person wrote; silences and grouping rules share it. Pure.

A matcher is kept as `{"label", "op", "value"}`. As in Alertmanager a label that is absent counts as
empty, and a pattern has to fit the whole value.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from incidents.ingest import patterns

MAX_MATCHERS = 20
MAX_LABEL = 100
MAX_VALUE = 500
_ANOTHER = re.compile(
    r",\s*[A-Za-z_][\w.]*\s*(=|!=|=~|!~)\s"
)  # as others write several in one line


class BadMatcher(ValueError):
    """Not a matcher; the message says what is wrong, for the person who wrote it."""


class Op(StrEnum):
    IS = "="
    IS_NOT = "!="
    FITS = "=~"
    FITS_NOT = "!~"


@dataclass(frozen=True)
class Matcher:
    label: str
    op: Op
    value: str

    def holds(self, labels: Mapping[str, str]) -> bool:
        found = str(labels.get(self.label, ""))
        if self.op in {Op.IS, Op.IS_NOT}:
            return (found == self.value) is (self.op is Op.IS)
        return patterns.fits(self.value, found[:MAX_VALUE]) is (self.op is Op.FITS)

    def as_json(self) -> dict[str, str]:
        return {"label": self.label, "op": str(self.op), "value": self.value}

    def __str__(self) -> str:
        """As people write it, in quotes where it would be read as something else without."""
        is_plain = self.value == self.value.strip() and not _is_odd(self.value)
        return f"{self.label} {self.op} " + (self.value if is_plain else f'"{self.value}"')


def matcher(label: str, op: str, value: str) -> Matcher:
    """A matcher from its three parts. Raises `BadMatcher`."""
    label = label.strip()
    if not 0 < len(label) <= MAX_LABEL:
        msg = f"a label has 1 to {MAX_LABEL} characters"
        raise BadMatcher(msg)
    if op not in set(Op):
        msg = f"between label and value stands one of {' '.join(Op)}"
        raise BadMatcher(msg)
    if len(value) > MAX_VALUE:
        msg = f"a value has at most {MAX_VALUE} characters"
        raise BadMatcher(msg)
    made = Matcher(label, Op(op), value)
    if made.op in {Op.FITS, Op.FITS_NOT}:
        try:
            patterns.check(value)
        except patterns.BadPattern as error:
            raise BadMatcher(f"{label}: {error}") from error
    return made


def matchers(stored: object) -> tuple[Matcher, ...]:
    """The matchers of a stored list of `{"label", "op", "value"}`. Raises `BadMatcher`."""
    if not isinstance(stored, list) or len(stored) > MAX_MATCHERS:
        msg = f"expected a list of at most {MAX_MATCHERS} matchers"
        raise BadMatcher(msg)
    return tuple(_stored(item) for item in stored)


def _stored(item: object) -> Matcher:
    if not isinstance(item, dict):
        msg = "expected a label, an operator and a value"
        raise BadMatcher(msg)
    return matcher(str(item.get("label", "")), str(item.get("op", "")), str(item.get("value", "")))


def read_lines(text: str) -> tuple[Matcher, ...]:
    """One matcher a line, as people write them: `region = eu-1`, `host =~ db-.*`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_MATCHERS:
        msg = f"at most {MAX_MATCHERS} lines"
        raise BadMatcher(msg)
    return tuple(_line(line) for line in lines)


def _line(line: str) -> Matcher:
    found = [(line.find(op), -len(op), op) for op in Op if op in line]
    if not found:
        msg = f"“{line[:60]}” holds none of {' '.join(Op)}"
        raise BadMatcher(msg)
    at, _, op = min(found)  # the leftmost; of those that begin there, the longer
    value = line[at + len(op) :].strip()
    if _is_quoted(value):
        return matcher(line[:at], op, value[1:-1])
    if _is_odd(value):
        msg = f"“{line[:60]}”: one matcher a line, as in region = eu-1; quote a value that is odd"
        raise BadMatcher(msg)
    return matcher(line[:at], op, value)


def _is_quoted(value: str) -> bool:
    """As Alertmanager and PromQL write it; the quotes are no part of the value."""
    return len(value) > 1 and value[0] == value[-1] == '"'


def _is_odd(value: str) -> bool:
    """More likely a slip, which would match nothing and say nothing, than a label's value."""
    return _is_quoted(value) or value.startswith("=") or _ANOTHER.search(value) is not None


def as_lines(found: Iterable[Matcher]) -> str:
    return "\n".join(str(one) for one in found)


def all_hold(found: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return all(one.holds(labels) for one in found)


def any_holds(found: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    return any(one.holds(labels) for one in found)
