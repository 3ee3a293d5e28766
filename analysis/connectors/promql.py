"""Which PromQL may be asked on somebody else's word: a grammar much smaller than the language.

Read are selectors with a metric name, ranges of at most three hours, functions and aggregations
from two lists, arithmetic, comparison and set operators. Refused is whatever else: subqueries, `@`,
selectors without a name, functions that make series up or rename labels, and what is too long.
The text is sent as it was given; nothing is rewritten, so what was judged is what is asked.
"""

import re
from dataclasses import dataclass

MAX_LENGTH = 500
MAX_SELECTORS = 6
MAX_DEPTH = 8
MAX_RANGE_S = 3 * 3600
MAX_OFFSET_S = 7 * 86_400
_MAX_MATCHER = 120

_FUNCTIONS = frozenset(
    {
        "rate", "irate", "increase", "delta", "idelta", "deriv", "changes", "resets",
        "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time",
        "stddev_over_time", "quantile_over_time", "last_over_time", "histogram_quantile", "abs",
        "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "exp", "ln", "log2", "log10",
        "sqrt",
    }
)  # fmt: skip
_AGGREGATIONS = frozenset(
    {
        "sum", "avg", "min", "max", "count", "stddev", "stdvar", "quantile", "topk", "bottomk",
    }
)  # fmt: skip
_WORDS = frozenset(
    {
        "by", "without", "on", "ignoring", "group_left", "group_right", "offset", "bool", "and",
        "or", "unless",
    }
)  # fmt: skip
_BINARY = frozenset(
    {
        "+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless",
    }
)  # fmt: skip
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<duration>(?:\d+(?:ms|[smhdwy]))+(?![a-zA-Z0-9_]))
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![a-zA-Z0-9_]))
  | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<text>"(?:[^"\\\n]|\\["\\.dwsDWSbnrt+*?()|\[\]{}^$/-])*"|'(?:[^'\\\n]|\\['\\])*')
  | (?P<op>=~|!~|!=|==|>=|<=|[-+*/%^><=(){}\[\],])
    )""",
    re.VERBOSE,
)


class NotAllowed(ValueError):
    """This expression is not asked; the message says which part, for whoever wrote it."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def check(query: str) -> None:
    """Raises `NotAllowed` unless the whole text is an expression of the small grammar."""
    if len(query) > MAX_LENGTH:
        msg = f"the expression is longer than {MAX_LENGTH} characters"
        raise NotAllowed(msg)
    reader = _Reader(_tokens(query))
    reader.expression(0)
    reader.end()
    if not reader.selectors:
        msg = "the expression reads no metric"
        raise NotAllowed(msg)


def _tokens(query: str) -> list[_Token]:
    found, at, text = [], 0, query.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            msg = f"not allowed here: {text[at : at + 20]!r}"
            raise NotAllowed(msg)
        found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def seconds(duration: str) -> float:
    """Of a PromQL duration such as 1h30m."""
    parts = re.findall(r"(\d+)(ms|[smhdwy])", duration)
    return sum(int(number) * _SECONDS[unit] for number, unit in parts)


class _Reader:
    """Recursive descent over the tokens; counts what must not become too much."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self.selectors = 0

    def expression(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            msg = f"the expression is nested deeper than {MAX_DEPTH}"
            raise NotAllowed(msg)
        self._operand(depth)
        while self._text() in _BINARY:
            self._at += 1
            self._skip("bool")
            if self._text() in {"on", "ignoring"}:
                self._at += 1
                self._labels()
                if self._text() in {"group_left", "group_right"}:
                    self._at += 1
                    self._labels()
            self._operand(depth)

    def end(self) -> None:
        if self._at < len(self._tokens):
            self._refuse()

    def _operand(self, depth: int) -> None:
        while self._skip("-") or self._skip("+"):
            pass
        token = self._peek()
        if token.kind == "number":
            self._at += 1
        elif self._skip("("):
            self.expression(depth + 1)
            self._expect(")")
        elif token.kind == "name" and token.text in _AGGREGATIONS:
            self._aggregation(depth)
        elif token.kind == "name" and self._text(1) == "(":
            self._function(depth)
        else:
            self._selector()

    def _aggregation(self, depth: int) -> None:
        self._at += 1
        grouped = self._grouping()
        self._arguments(depth)
        if not grouped:
            self._grouping()

    def _grouping(self) -> bool:
        if self._text() not in {"by", "without"}:
            return False
        self._at += 1
        self._labels()
        return True

    def _function(self, depth: int) -> None:
        name = self._peek().text
        if name not in _FUNCTIONS:
            msg = f"the function {name!r} is not allowed"
            raise NotAllowed(msg)
        self._at += 1
        self._arguments(depth)

    def _arguments(self, depth: int) -> None:
        self._expect("(")
        self.expression(depth + 1)
        while self._skip(","):
            self.expression(depth + 1)
        self._expect(")")

    def _labels(self) -> None:
        self._expect("(")
        while self._peek().kind == "name":
            self._at += 1
            if not self._skip(","):
                break
        self._expect(")")

    def _selector(self) -> None:
        token = self._peek()
        if token.kind != "name" or token.text in _WORDS:
            self._refuse()
        self._at += 1
        self.selectors += 1
        if self.selectors > MAX_SELECTORS:
            msg = f"the expression reads more than {MAX_SELECTORS} selectors"
            raise NotAllowed(msg)
        if self._skip("{"):
            self._matchers()
        if self._skip("["):
            self._duration("range", MAX_RANGE_S)
            self._expect("]")
        if self._skip("offset"):
            self._duration("offset", MAX_OFFSET_S)

    def _matchers(self) -> None:
        while not self._skip("}"):
            self._kind("name")
            if self._text() not in {"=", "!=", "=~", "!~"}:
                self._refuse()
            self._at += 1
            if len(self._kind("text")) > _MAX_MATCHER:
                msg = f"a matcher is longer than {_MAX_MATCHER} characters"
                raise NotAllowed(msg)
            if not self._skip(",") and self._text() != "}":
                self._refuse()

    def _duration(self, what: str, most_s: float) -> None:
        text = self._kind("duration")
        if not 0 < seconds(text) <= most_s:
            msg = f"the {what} {text} is not between 1 ms and {most_s / 3600:g} h"
            raise NotAllowed(msg)

    def _peek(self, ahead: int = 0) -> _Token:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else _Token("end", "")

    def _text(self, ahead: int = 0) -> str:
        token = self._peek(ahead)
        return token.text if token.kind in {"op", "name"} else ""

    def _skip(self, text: str) -> bool:
        if self._text() != text:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            self._refuse()

    def _kind(self, kind: str) -> str:
        token = self._peek()
        if token.kind != kind:
            self._refuse()
        self._at += 1
        return token.text

    def _refuse(self) -> None:
        token = self._peek()
        where = "at its end" if token.kind == "end" else f"at {token.text[:30]!r}"
        msg = f"the expression is not understood {where}"
        raise NotAllowed(msg)
