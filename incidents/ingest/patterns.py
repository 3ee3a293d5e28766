r"""A small language of patterns that cannot be made slow. Pure.

Python's `re` takes exponential time on patterns such as `(a+)+$`, and people write these patterns
into rules that untrusted labels are held against. So: literals, `.`, `\d` `\w` `\s`, classes as
`[a-z_]`, each with `*`, `+` or `?`, and `|` between whole alternatives. No groups, no anchors: a
pattern always has to fit the whole value. All possible positions are followed at once, which takes
at most (length of pattern) × (length of value) steps.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MAX_PATTERN = 200
_ONE = re.compile(r"\[\^?(?:\\.|[^\]\\])+\]|\\.|[^\[\\]", re.DOTALL)
_NEEDS_A_BACKSLASH = frozenset("(){}^$*+?[]|")


class BadPattern(ValueError):
    """The pattern is not of this language; the message says why."""


@dataclass(frozen=True)
class _Piece:
    one: re.Pattern[str]  # fits exactly one character, so it takes constant time
    may_miss: bool
    may_repeat: bool


def check(pattern: str) -> None:
    """Raise `BadPattern` unless `fits` can be asked about it."""
    _alternatives(pattern)


def fits(pattern: str, value: str) -> bool:
    """Whether one alternative of the pattern covers the whole value."""
    return any(_covers(pieces, value) for pieces in _alternatives(pattern))


def _covers(pieces: tuple[_Piece, ...], value: str) -> bool:
    at = _with_skips(pieces, {0})
    for character in value:
        moved: set[int] = set()
        for i in at:
            if i < len(pieces) and pieces[i].one.fullmatch(character):
                moved.add(i + 1)
                if pieces[i].may_repeat:
                    moved.add(i)
        if not moved:
            return False
        at = _with_skips(pieces, moved)
    return len(pieces) in at


def _with_skips(pieces: tuple[_Piece, ...], at: set[int]) -> set[int]:
    """These places, and those behind pieces that may be missing."""
    found = set()
    for i in at:
        found.add(i)
        while i < len(pieces) and pieces[i].may_miss:
            i += 1  # noqa: PLW2901 - walks on from the place the loop gave
            found.add(i)
    return found


@lru_cache(maxsize=512)
def _alternatives(pattern: str) -> tuple[tuple[_Piece, ...], ...]:
    if len(pattern) > MAX_PATTERN:
        msg = f"a pattern has at most {MAX_PATTERN} characters"
        raise BadPattern(msg)
    alternatives: list[list[_Piece]] = [[]]
    signs = list(_signs(pattern))
    for i, sign in enumerate(signs):
        if sign == "|":
            alternatives.append([])
        elif sign not in {"*", "+", "?"}:
            after = signs[i + 1] if i + 1 < len(signs) else ""
            alternatives[-1].append(_Piece(_one(sign), after in {"*", "?"}, after in {"*", "+"}))
        elif i == 0 or signs[i - 1] in {"|", "*", "+", "?"}:
            msg = f"“{sign}” has nothing to repeat; write \\{sign} for the character itself"
            raise BadPattern(msg)
    return tuple(tuple(pieces) for pieces in alternatives)


def _signs(pattern: str) -> Iterator[str]:
    at = 0
    while at < len(pattern):
        found = _ONE.match(pattern, at)
        if found is None:
            msg = f"“{pattern[at]}” is never closed"
            raise BadPattern(msg)
        yield found.group()
        at = found.end()


def _one(sign: str) -> re.Pattern[str]:
    if sign in _NEEDS_A_BACKSLASH:
        msg = f"“{sign}” is not understood here; write \\{sign} for the character itself"
        raise BadPattern(msg)
    try:
        return re.compile(sign, re.DOTALL)
    except re.error as error:
        msg = f"“{sign}” is not understood: {error}"
        raise BadPattern(msg) from error
