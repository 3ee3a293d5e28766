"""The same text as a reader of it might decode it, with the way back to where it stood.

JSON, C and percent escapes, entities and wrapped lines become other texts of the same length of
meaning; base64, base32 and hex stretches become texts of their own.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

_ESCAPES = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[0-7]{3}|[\\/\"'nrtbf])")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});")
_QUOTED = re.compile(r"=[0-9A-F]{2}")
# Breaks, and what invisible signs or a wrapping may have put between two halves of a word.
_BREAK = re.compile(r"[ \t]*\\?(?:\r\n|\r|\n)[ \t]*|[\u00ad\u200b-\u200f\u2060\ufeff\x00]+")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{14,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){8,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}={0,6}")
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_LEAST_PRINTABLE = 0.7  # of bytes; drawn at random 0.37 are


@dataclass(frozen=True)
class Reading:
    """`starts[i]` and `ends[i]` say where in the original the character `i` stood."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]

    @classmethod
    def plain(cls, text: str) -> "Reading":
        return cls(text, range(len(text)), range(1, len(text) + 1))

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of this reading stood in the original."""
        return self.starts[start], self.ends[end - 1]

    def is_broken_before(self, index: int) -> bool:
        """Something was taken out between this character and the one before it."""
        return index > 0 and self.starts[index] != self.ends[index - 1]

    def replaced(self, pattern: re.Pattern[str], by: Callable[[str], str]) -> "Reading":
        if pattern.search(self.text) is None:
            return self
        text: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        at = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            text.append(self.text[at:start])
            starts += self.starts[at:start]
            ends += self.ends[at:start]
            new = by(match.group())
            text.append(new)
            starts += [self.starts[start]] * len(new)
            ends += [self.ends[end - 1]] * len(new)
            at = end
        text.append(self.text[at:])
        starts += self.starts[at:]
        ends += self.ends[at:]
        return Reading("".join(text), starts, ends)


def readings(text: str) -> Iterator[Reading]:
    """The text as it stands, then decoded step by step, as far as a step changes anything."""
    seen = {text}
    reading = Reading.plain(text)
    yield reading
    steps = (
        (_ESCAPES, _unescaped),
        (_PERCENT, _unquoted),
        (_ENTITY, html.unescape),
        (_ESCAPES, _unescaped),
        (_PERCENT, _unquoted),
        (_QUOTED, _unquoted_printable),
    )
    for pattern, by in steps:
        reading = reading.replaced(pattern, by)
        if reading.text not in seen:
            seen.add(reading.text)
            yield reading


def joined(reading: Reading) -> Reading | None:
    """Without line breaks and invisible signs; None when there are none."""
    found = reading.replaced(_BREAK, lambda _: "")
    return None if found.text == reading.text else found


def stretches(text: str) -> Iterator[tuple[int, int, bytes]]:
    """Stretches of base64, base32 or hex with the bytes they mean, in each alignment."""
    for match in _HEX.finditer(text):
        digits = re.sub("[ :]", "", match.group())
        for shift in range(2):
            cut = digits[shift:]
            yield match.start(), match.end(), bytes.fromhex(cut[: len(cut) // 2 * 2])
    for match in _BASE32.finditer(text):
        for decoded in _decoded(match.group(), base64.b32decode, 8):
            yield match.start(), match.end(), decoded
    for match in _RUN.finditer(text):
        run = match.group().replace("-", "+").replace("_", "/")
        for decoded in _decoded(run, base64.b64decode, 4):
            yield match.start(), match.end(), decoded


def _decoded(run: str, decode: Callable[[str], bytes], block: int) -> Iterator[bytes]:
    """A run may begin with letters that belong to the word before it: every alignment counts."""
    bare = run.rstrip("=")
    for shift in range(block):
        cut = bare[shift:]
        try:
            yield decode(cut + "=" * (-len(cut) % block))
        except (binascii.Error, ValueError):
            cut = cut[: len(cut) // block * block]
            try:
                yield decode(cut)
            except (binascii.Error, ValueError):
                continue


def as_text(decoded: bytes) -> str:
    """The bytes as text, UTF-8 or UTF-16 as shells of Windows encode; empty where they are none."""
    if 2 * decoded[1::2].count(0) > _LEAST_PRINTABLE * len(decoded):
        return decoded.decode("utf-16-le", errors="replace")
    others = len(decoded.translate(None, _PRINTABLE))
    if others > (1 - _LEAST_PRINTABLE) * len(decoded):
        return ""
    return decoded.decode(errors="replace")


def _unescaped(found: str) -> str:
    kind, digits = found[1], found[2:]
    if kind.isdigit():
        return chr(int(found[1:], 8))
    return chr(int(digits, 16)) if kind in "ux" else _LETTERS.get(kind, kind)


def _unquoted(found: str) -> str:
    return unquote(found, errors="replace")


def _unquoted_printable(found: str) -> str:
    return bytes.fromhex(found[1:]).decode("latin-1")
