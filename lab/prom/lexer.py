"""PromQL text to tokens."""

import re
from dataclasses import dataclass
from typing import Final


class QueryError(ValueError):
    """The query is wrong or uses a part of PromQL that the lab does not have."""


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is number, duration, string, name, or op for everything else."""

    kind: str
    text: str
    at: int


_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![\w.]))
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w]))
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
  | (?P<name>[a-zA-Z_:][\w:]*)
  | (?P<op>=~|!~|!=|==|>=|<=|[-+*/%^(){}\[\],=<>@])
    """,
    re.VERBOSE,
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}


def tokens_of(text: str) -> list[Token]:
    """All tokens, ended by one of kind `end`. Raises QueryError naming what cannot be read."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise QueryError(f"1:{at + 1}: parse error: unexpected character: {text[at]!r}")
        if match.lastgroup not in {None, "space"}:
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    found.append(Token("end", "end of input", at))
    return found


def unquote(text: str) -> str:
    """The value of a string token."""
    if text.startswith("`"):
        return text[1:-1]
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text[1:-1])


_UNIT_MS: Final = {
    "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000,
    "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000,
}  # fmt: skip
_DURATION: Final = re.compile(r"(\d+)(ms|[smhdwy])")


def duration_ms(text: str) -> int:
    """Milliseconds of a duration such as `1h30m`. Raises QueryError if it is none."""
    parts = _DURATION.findall(text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        raise QueryError(f"not a valid duration string: {text!r}")
    return sum(int(amount) * _UNIT_MS[unit] for amount, unit in parts)
