"""The part of LogQL the lab has: a stream selector followed by line filters."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lab.loki.store import Line


class ParseError(ValueError):
    """Reads like Loki's own answer, which is plain text with line and column."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    matches: Callable[[dict[str, str]], bool]
    accepts: Callable[[str], bool]

    def selects(self, line: Line) -> bool:
        return self.matches(line.labels()) and self.accepts(line.text)


_STRING: Final = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_TOKEN: Final = re.compile(rf"(?P<space>\s+)|(?P<word>[a-zA-Z_]\w*)|(?P<string>{_STRING})"
                           r"|(?P<op>=~|!~|!=|\|=|\|~|[{},=|()\[\]]|.)")  # fmt: skip
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r"}
_MATCH_OPS: Final = frozenset({"=", "!=", "=~", "!~"})
_LINE_OPS: Final = frozenset({"|=", "!=", "|~", "!~"})


def parse(text: str) -> LogQuery:
    """Raises ParseError."""
    reader = _Reader(text)
    tests = _selector(reader)
    filters: list[Callable[[str], bool]] = []
    while reader.kind != "end":
        op = reader.take("op", _LINE_OPS, "one of |=, !=, |~, !~")
        filters.append(_line_test(op, reader.string()))
    return LogQuery(
        matches=lambda labels: all(test(labels.get(key, "")) for key, test in tests),
        accepts=lambda line: all(test(line) for test in filters),
    )


class _Reader:
    def __init__(self, text: str) -> None:
        self._source = text
        self._at = 0
        self.kind = ""
        self.text = ""
        self._next()

    def take(self, kind: str, texts: frozenset[str] | None, expecting: str) -> str:
        if self.kind != kind or (texts is not None and self.text not in texts):
            raise self.error(expecting)
        taken = self.text
        self._next()
        return taken

    def skip(self, text: str) -> bool:
        if self.kind == "op" and self.text == text:
            self._next()
            return True
        return False

    def string(self) -> str:
        quoted = self.take("string", None, "STRING")
        if quoted.startswith("`"):
            return quoted[1:-1]
        return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), quoted[1:-1])

    def error(self, expecting: str) -> ParseError:
        before = self._source[: self._start]
        line = before.count("\n") + 1
        column = len(before) - (before.rfind("\n") + 1) + 1
        if self.kind == "end":
            found = "$end"
        else:
            found = {"word": "IDENTIFIER", "string": "STRING"}.get(self.kind, self.text)
        return ParseError(
            f"parse error at line {line}, col {column}: syntax error: unexpected {found},"
            f" expecting {expecting}"
        )

    def _next(self) -> None:
        while True:
            match = _TOKEN.match(self._source, self._at)
            self._start = self._at
            if match is None:
                self.kind, self.text = "end", ""
                return
            self._at = match.end()
            if match.lastgroup != "space":
                self.kind, self.text = str(match.lastgroup), match.group()
                return


def _selector(reader: _Reader) -> list[tuple[str, Callable[[str], bool]]]:
    reader.take("op", frozenset({"{"}), "{")
    tests: list[tuple[str, Callable[[str], bool]]] = []
    is_selective = False
    while True:
        label = reader.take("word", None, "IDENTIFIER")
        op = reader.take("op", _MATCH_OPS, "one of =, !=, =~, !~")
        test = _label_test(op, reader.string())
        is_selective = is_selective or not test("")
        tests.append((label, test))
        if not reader.skip(","):
            break
    reader.take("op", frozenset({"}"}), "} or ,")
    if not is_selective:
        raise ParseError(
            "parse error : queries require at least one regexp or equality matcher that does not"
            ' have an empty-compatible value. For instance, app=~".*" does not meet this'
            ' requirement, but app=~".+" will'
        )
    return tests


def _label_test(op: str, value: str) -> Callable[[str], bool]:
    if op in {"=", "!="}:
        return lambda text: (text == value) is (op == "=")
    pattern = _compiled(value)
    return lambda text: (pattern.fullmatch(text) is not None) is (op == "=~")


def _line_test(op: str, value: str) -> Callable[[str], bool]:
    if op in {"|=", "!="}:
        return lambda text: (value in text) is (op == "|=")
    pattern = _compiled(value)
    return lambda text: (pattern.search(text) is not None) is (op == "|~")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as exc:
        raise ParseError(f"parse error : error parsing regexp: {exc}: `{pattern}`") from None
