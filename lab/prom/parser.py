"""PromQL tokens to nodes: recursive descent, with the precedence Prometheus uses."""

import math
import re
from typing import Final

from lab.prom.lexer import QueryError, Token, duration_ms, tokens_of, unquote
from lab.prom.nodes import (
    AGGREGATIONS,
    COMPARISONS,
    FUNCTIONS,
    RANGE,
    SCALAR,
    SETS,
    VECTOR,
    Aggregate,
    Binary,
    Call,
    Matcher,
    Node,
    Number,
    Selector,
    type_of,
)

_LEVELS: Final = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    COMPARISONS,
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)
_NUMBERS: Final = {"inf": math.inf, "nan": math.nan}


def parse(text: str) -> Node:
    """Raises QueryError saying where and at which token the text stops making sense."""
    parser = _Parser(tokens_of(text))
    if parser.peek.kind == "end":
        raise QueryError("unknown position: parse error: no expression found in input")
    node = parser.expression()
    parser.expect_end()
    return node


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def peek(self) -> Token:
        return self._tokens[self._at]

    def expect_end(self) -> None:
        if self.peek.kind != "end":
            raise self._unexpected()

    def expression(self, level: int = 0) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self.expression(level + 1)
        while self.peek.kind in {"op", "name"} and self.peek.text.lower() in _LEVELS[level]:
            op = self._next().text.lower()
            is_bool = self._skip("bool")
            labels, is_on = self._matching()
            right = self.expression(level + 1)
            left = self._checked(Binary(op, left, right, labels, is_on, is_bool))
        return left

    def _unary(self) -> Node:
        if self.peek.kind == "op" and self.peek.text in {"-", "+"}:
            sign = -1.0 if self._next().text == "-" else 1.0
            inner = self._unary()
            if isinstance(inner, Number):
                return Number(sign * inner.value)
            return Binary("*", inner, Number(sign))
        return self._ranged(self._primary())

    def _primary(self) -> Node:
        token = self.peek
        if token.kind == "number":
            self._next()
            is_hex = token.text[:2].lower() == "0x"
            return Number(float(int(token.text, 16) if is_hex else token.text))
        if token.text == "(":
            self._next()
            inner = self.expression()
            self._expect(")")
            return inner
        if token.kind == "name":
            return self._named()
        if token.text == "{":
            return self._selector("")
        raise self._unexpected()

    def _named(self) -> Node:
        token = self._next()
        name = token.text
        if name.lower() in _NUMBERS and self.peek.text != "{":
            return Number(_NUMBERS[name.lower()])
        if name.lower() in AGGREGATIONS and self.peek.text in {"(", "by", "without"}:
            return self._aggregate(name.lower())
        if self.peek.text == "(":
            return self._call(token)
        return self._selector(name)

    def _aggregate(self, op: str) -> Node:
        labels, is_without = self._grouping()
        self._expect("(")
        inner = self.expression()
        if self.peek.text == ",":
            raise self._unexpected()
        self._expect(")")
        if not labels and not is_without:
            labels, is_without = self._grouping()
        self._require(inner, VECTOR, f'aggregation "{op}"')
        return Aggregate(op, inner, labels, is_without)

    def _grouping(self) -> tuple[tuple[str, ...], bool]:
        for word in ("by", "without"):
            if self._skip(word):
                return self._label_list(), word == "without"
        return (), False

    def _call(self, token: Token) -> Node:
        expected = FUNCTIONS.get(token.text)
        if expected is None:
            raise QueryError(
                f'1:{token.at + 1}: parse error: unknown function with name "{token.text}"'
            )
        self._expect("(")
        arguments: list[Node] = []
        while self.peek.text != ")":
            arguments.append(self.expression())
            if not self._skip(","):
                break
        self._expect(")")
        if len(arguments) != len(expected):
            raise QueryError(
                f"1:{token.at + 1}: parse error: expected {len(expected)} argument(s) in call to"
                f' "{token.text}", got {len(arguments)}'
            )
        for argument, kind in zip(arguments, expected, strict=True):
            self._require(argument, kind, f'call to function "{token.text}"')
        return Call(token.text, tuple(arguments))

    def _selector(self, name: str) -> Node:
        matchers: list[Matcher] = []
        if self._skip("{"):
            while self.peek.text != "}":
                matchers.append(self._matcher())
                if not self._skip(","):
                    break
            self._expect("}")
        if not name and all(_matches_empty(matcher) for matcher in matchers):
            raise QueryError(
                "parse error: vector selector must contain at least one non-empty matcher"
            )
        return Selector(name, tuple(matchers))

    def _matcher(self) -> Matcher:
        label = self._next()
        op = self._next()
        value = self._next()
        if label.kind != "name" or op.text not in {"=", "!=", "=~", "!~"}:
            raise QueryError(
                f"1:{op.at + 1}: parse error: unexpected {op.text!r} in label matching"
            )
        if value.kind != "string":
            raise QueryError(
                f"1:{value.at + 1}: parse error: unexpected {value.text!r} in label matching,"
                " expected string"
            )
        matcher = Matcher(label.text, op.text, unquote(value.text))
        try:
            matcher.test()
        except re.error as exc:
            raise QueryError(f"error parsing regexp: {exc}: {matcher.value!r}") from None
        return matcher

    def _ranged(self, node: Node) -> Node:
        if self.peek.text == "[":
            if not isinstance(node, Selector) or node.range_ms:
                raise QueryError(
                    f"1:{self.peek.at + 1}: parse error: ranges only allowed for vector selectors"
                )
            self._next()
            node = Selector(node.name, node.matchers, self._duration())
            self._expect("]")
        if self._skip("offset"):
            sign = -1 if self._skip("-") else 1
            if not isinstance(node, Selector):
                raise QueryError("parse error: offset modifier must be preceded by a selector")
            node = Selector(node.name, node.matchers, node.range_ms, sign * self._duration())
        return node

    def _duration(self) -> int:
        token = self._next()
        if token.kind != "duration":
            raise QueryError(
                f"1:{token.at + 1}: parse error: unexpected {token.text!r}, expected duration"
            )
        return duration_ms(token.text)

    def _matching(self) -> tuple[tuple[str, ...], bool]:
        for word in ("on", "ignoring"):
            if self._skip(word):
                labels = self._label_list()
                if self.peek.text in {"group_left", "group_right"}:
                    raise self._unexpected()
                return labels, word == "on"
        return (), False

    def _label_list(self) -> tuple[str, ...]:
        self._expect("(")
        labels: list[str] = []
        while self.peek.kind == "name":
            labels.append(self._next().text)
            if not self._skip(","):
                break
        self._expect(")")
        return tuple(labels)

    def _checked(self, node: Binary) -> Node:
        sides = (type_of(node.left), type_of(node.right))
        if RANGE in sides:
            raise QueryError(
                f'parse error: binary expression "{node.op}" must contain only scalar and'
                " instant vector types"
            )
        if node.op in SETS and SCALAR in sides:
            raise QueryError(
                f'parse error: set operator "{node.op}" not allowed in binary scalar expression'
            )
        if node.op in COMPARISONS and sides == (SCALAR, SCALAR) and not node.is_bool:
            raise QueryError("parse error: comparisons between scalars must use BOOL modifier")
        return node

    def _require(self, node: Node, kind: str, where: str) -> None:
        if type_of(node) != kind:
            raise QueryError(f"parse error: expected type {kind} in {where}, got {type_of(node)}")

    def _next(self) -> Token:
        token = self.peek
        if token.kind == "end":
            raise self._unexpected()
        self._at += 1
        return token

    def _skip(self, text: str) -> bool:
        if self.peek.kind in {"op", "name"} and self.peek.text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._skip(text):
            raise self._unexpected()

    def _unexpected(self) -> QueryError:
        token = self.peek
        shown = token.text if token.kind == "end" else f'<{token.kind}:"{token.text}">'
        return QueryError(f"1:{token.at + 1}: parse error: unexpected {shown}")


def _matches_empty(matcher: Matcher) -> bool:
    return matcher.test()("")
