"""Secrets in text are destroyed before anything leaves: whole blocks, never only their headers.

A secret is looked for in the text as it stands and as a reader might decode it; what stood there is
named by its kind. The gate on the wire looks once more (`analysis/reasoning/gate`); a hit there
stops the call.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airra.lib.readings import Reading, as_text, joined, readings, stretches
from airra.lib.secret_forms import (
    CARD,
    FORMS,
    KEYS,
    NAMED,
    NEAR,
    ROOTS,
    Form,
    is_random,
    passes_luhn,
)

_MAX_DEPTH = 3  # encodings inside encodings
_MAX_ROUNDS = 6
_LEAST_STRETCH = 8  # bytes of text inside an encoding that are worth a look
# PKCS#8, PKCS#1 and SEC 1 keys in DER: a sequence whose first member is the version.
_DER_KEY = re.compile(
    rb"\x30(?:\x82..|\x81.|[\x20-\x7f])\x02\x01(?:\x00(?:\x30|\x02)|\x01\x04)", re.DOTALL
)
_KEY_LINES = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{64}(?![A-Za-z0-9+/=])")
_LEAST_NAMED = 16


@dataclass(frozen=True)
class _Hit:
    kind: str
    start: int
    end: int


def redact(text: str) -> str:
    """The text with every secret replaced by `[redacted <kind>]`. Idempotent."""
    for _ in range(_MAX_ROUNDS):
        hits = sorted(_hits(text), key=lambda h: (h.start, -h.end))
        if not hits:
            return text
        text = _without(text, hits)
    return "[redacted text]"  # every round uncovers another: nothing of it is worth the risk


def found_in(text: str) -> list[str]:
    """The kinds of secrets that still stand in a text."""
    return sorted({hit.kind for hit in _hits(text)})


def redact_document(value: Any) -> Any:
    """The same JSON document without secrets: texts, values of telling names, lines of a list.

    A block that is spread over the lines of a list is seen as one.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _field(name, part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        parts = list(value)
        if parts and all(isinstance(part, str) for part in parts):
            return _lines(parts)
        return [redact_document(part) for part in parts]
    return value


def _field(name: object, value: Any) -> Any:
    is_telling = isinstance(name, str) and KEYS.search(name) is not None
    if is_telling and isinstance(value, str) and value and not value.startswith("[redacted"):
        return "[redacted secret]"
    if is_telling and isinstance(value, dict | list) and value:
        return "[redacted secret]"
    return redact_document(value)


def _lines(parts: list[str]) -> list[str]:
    """Lines that hold a part of a secret which only shows over all of them go one by one."""
    alone = [redact(part) for part in parts]
    if len(alone) < 2 or not found_in("\n".join(alone)):
        return alone
    together = redact("\n".join(alone)).split("\n")
    return together if len(together) == len(alone) else ["[redacted text]"]


def _without(text: str, hits: list[_Hit]) -> str:
    parts: list[str] = []
    at = 0
    for hit in hits:
        if hit.end <= at:
            continue
        parts += [text[at : max(hit.start, at)], f"[redacted {hit.kind}]"]
        at = hit.end
    return "".join([*parts, text[at:]])


def _hits(text: str, depth: int = 0) -> Iterator[_Hit]:
    for reading in readings(text):
        yield from _in_reading(reading, depth)
        whole = joined(reading)
        if whole is not None:
            yield from _in_joined(whole, depth)


def _in_reading(reading: Reading, depth: int) -> Iterator[_Hit]:
    for form in FORMS:
        yield from _of_form(form, reading)
    if _has_a_name(reading.text):
        yield from _named(reading)
    yield from _judged(reading)
    yield from _encoded(reading, depth)


def _has_a_name(text: str) -> bool:
    low = text.lower()
    return any(root in low for root in ROOTS)


def _named(reading: Reading) -> Iterator[_Hit]:
    for form in NAMED:
        for match in form.pattern.finditer(reading.text):
            yield _hit(form.kind, reading, *match.span())
    for match in NEAR.finditer(reading.text):
        if is_random(match["it"]):
            yield _hit("secret", reading, *match.span("it"))


def _judged(reading: Reading) -> Iterator[_Hit]:
    """What its form alone does not prove: a sum that is right, a line of a key."""
    text = reading.text
    for match in CARD.finditer(text):
        if passes_luhn(match.group()):
            yield _hit("card number", reading, *match.span())
    for match in _KEY_LINES.finditer(text):
        if is_random(match.group()) and not match.group().islower():  # hex digests stay
            yield _hit("key material", reading, *match.span())


def _in_joined(reading: Reading, depth: int) -> Iterator[_Hit]:
    """Only what cannot be an accident of two lines that meet."""
    for form in FORMS:
        yield from _of_form(form, reading)
    for form in NAMED if _has_a_name(reading.text) else ():
        for match in form.pattern.finditer(reading.text):
            value = re.split(r"[\s\"'=:>]", match.group())[-1]
            is_split = reading.place(*match.span())[1] - reading.place(*match.span())[0]
            if is_split > len(match.group()) and len(value) >= _LEAST_NAMED and is_random(value):
                yield _hit(form.kind, reading, *match.span())
    yield from _encoded(reading, depth)


def _of_form(form: Form, reading: Reading) -> Iterator[_Hit]:
    if form.mark not in reading.text:
        return
    at = 0
    while (match := form.pattern.search(reading.text, at)) is not None:
        start, end = match.span()
        if form.is_loose and not _begins_a_word(reading, start):
            at = start + 1
            continue
        yield _hit(form.kind, reading, start, end)
        at = max(end, start + 1)


def _begins_a_word(reading: Reading, index: int) -> bool:
    if index == 0 or reading.is_broken_before(index):
        return True
    return not (reading.text[index - 1].isalnum() or reading.text[index - 1] == "_")


def _encoded(reading: Reading, depth: int) -> Iterator[_Hit]:
    if depth >= _MAX_DEPTH:
        return
    for start, end, decoded in stretches(reading.text):
        if _DER_KEY.match(decoded):
            yield _hit("private key", reading, start, end)
            continue
        text = as_text(decoded) if len(decoded) >= _LEAST_STRETCH else ""
        inner = next(_hits(text, depth + 1), None) if text else None
        if inner is not None:
            yield _hit(inner.kind, reading, start, end)


def _hit(kind: str, reading: Reading, start: int, end: int) -> _Hit:
    return _Hit(kind, *reading.place(start, end))
