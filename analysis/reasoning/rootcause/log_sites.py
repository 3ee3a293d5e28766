"""Where in the code a log line was written, and how loud it is.

The site is `logger#line` when the message carries one at its head; otherwise the message itself
with all that changes from line to line masked (numbers, ids, quoted text), as Drain does for
constants of the tree's leaves (He et al., ICWS 2017), without its tree: a case is small.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from analysis.types import CaseLog

_HEAD = re.compile(r"(?:^|\s)([A-Za-z_$][^\s\"'=(){}]*#\d+)(?=\s|$|:)")
_HEAD_REACH = 160  # characters within which a head still is one
_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"\x1b\[[0-9;]*m", ""),
        (r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|`[^`]*`", "<str>"),
        (r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "<id>"),
        (r"\b\S+@\S+\.\w+\b", "<mail>"),
        (r"\b(?:0x)?(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{6,}\b", "<id>"),
        (r"(?<==)[^\s,;\])}]+", "<val>"),
        (r"\d+(?:[.:,_/-]\d+)*", "<n>"),
    )
)
_KEPT = 160  # characters of a template: enough to tell sites apart
_LEVELS = (
    (
        "ERROR",
        re.compile(
            r"\b(?:error|err|fatal|crit(?:ical)?|severe|emerg|panic|alert)\b", re.IGNORECASE
        ),
    ),
    ("WARN", re.compile(r"\bwarn(?:ing)?\b", re.IGNORECASE)),
    ("INFO", re.compile(r"\b(?:info|notice|debug|trace|fine)\b", re.IGNORECASE)),
)


@lru_cache(maxsize=65536)
def site_of(message: str) -> str:
    """The site `message` was written at: `logger#line`, or the masked message."""
    head = _HEAD.search(message, 0, _HEAD_REACH)
    if head:
        return head.group(1)
    text = message[: 4 * _KEPT]
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return " ".join(text.split())[:_KEPT]


def subject_finder(components: Iterable[str]) -> Callable[[str, str], str]:
    """Returns (message, writer) -> the first component, other than the writer, named in it, or "".

    What a service says of another it cannot reach is no fault of its own.
    """
    names = sorted((re.escape(c) for c in components if len(c) >= _LEAST_NAME), key=len)
    if not names:
        return lambda message, writer: ""
    pattern = re.compile(rf"(?<![\w-])(?:{'|'.join(reversed(names))})(?![\w-])")

    def subject(message: str, writer: str) -> str:
        found = (match.group() for match in pattern.finditer(message))
        return next((name for name in found if name != writer), "")

    return subject


_LEAST_NAME = 3  # characters; shorter ones are words


def level_of(log: CaseLog) -> str:
    """`ERROR`, `WARN` or `INFO`; where the field is empty, a level word at the message's head."""
    return _level(log.level or log.message[:_LEVEL_REACH])


_LEVEL_REACH = 60


@lru_cache(maxsize=4096)
def _level(text: str) -> str:
    return next((name for name, pattern in _LEVELS if pattern.search(text)), "INFO")
