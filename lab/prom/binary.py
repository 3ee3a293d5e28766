"""Binary operators between vectors and scalars."""

import math
import operator
from collections.abc import Callable
from typing import Final

from lab.prom.columns import Column, Columns, nameless, only, without
from lab.prom.lexer import QueryError
from lab.prom.nodes import COMPARISONS, Binary
from lab.prom.tsdb import NAME, Labels


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
}
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def scalars(node: Binary, left: Column, right: Column) -> Column:
    return [_value(node, a, b, keep=a) for a, b in zip(left, right, strict=True)]


def vector_scalar(node: Binary, vector: Columns, scalar: Column, *, is_swapped: bool) -> Columns:
    """`is_swapped` when the scalar stands on the left; a comparison keeps the vector's value."""
    result: Columns = {}
    for labels, column in vector.items():
        kept = labels if node.op in COMPARISONS and not node.is_bool else nameless(labels)
        pairs = zip(column, scalar, strict=True)
        result[kept] = [
            _value(node, b, a, keep=a) if is_swapped else _value(node, a, b, keep=a)
            for a, b in pairs
        ]
    return result


def vectors(node: Binary, left: Columns, right: Columns) -> Columns:
    """One-to-one matching. Raises QueryError when a match is not unique at some step."""
    partners = _grouped(node, right, "right")
    result: Columns = {}
    for key, (labels, column) in _grouped(node, left, "left").items():
        partner = partners.get(key)
        if partner is not None:
            pairs = zip(column, partner[1], strict=True)
            result[_result_labels(node, labels)] = [_value(node, a, b, keep=a) for a, b in pairs]
    return result


def sets(node: Binary, left: Columns, right: Columns) -> Columns:
    """`and`, `or` and `unless`."""
    if node.op == "or":
        present = _presence(node, left)
        result = dict(left)
        for labels, column in right.items():
            taken = present.get(_key(node, labels))
            extra = _masked(column, taken, keep=False) if taken else column
            result[labels] = _merged(result.get(labels), extra)
        return result
    present = _presence(node, right)
    empty = [False] * max((len(column) for column in left.values()), default=0)
    return {
        labels: _masked(column, present.get(_key(node, labels), empty), keep=node.op == "and")
        for labels, column in left.items()
    }


def _value(
    node: Binary, left: float | None, right: float | None, *, keep: float | None
) -> float | None:
    if left is None or right is None:
        return None
    if node.op in ARITHMETIC:
        return ARITHMETIC[node.op](left, right)
    holds = _COMPARE[node.op](left, right)
    if node.is_bool:
        return 1.0 if holds else 0.0
    return keep if holds else None


def _key(node: Binary, labels: Labels) -> Labels:
    return only(labels, node.labels) if node.is_on else without(labels, (NAME, *node.labels))


def _result_labels(node: Binary, labels: Labels) -> Labels:
    keeps_name = node.op in COMPARISONS and not node.is_bool
    kept = labels if keeps_name else nameless(labels)
    return only(kept, node.labels) if node.is_on else without(kept, node.labels)


def _grouped(node: Binary, columns: Columns, side: str) -> dict[Labels, tuple[Labels, Column]]:
    groups: dict[Labels, tuple[Labels, Column]] = {}
    for labels, column in columns.items():
        key = _key(node, labels)
        known = groups.get(key)
        if known is None:
            groups[key] = (labels, column)
            continue
        if any(a is not None and b is not None for a, b in zip(known[1], column, strict=True)):
            raise QueryError(
                f"found duplicate series for the match group {dict(key)} on the {side} hand-side"
                " of the operation: many-to-many matching not allowed: matching labels must be"
                " unique on one side"
            )
        groups[key] = (known[0], _merged(known[1], column))
    return groups


def _presence(node: Binary, columns: Columns) -> dict[Labels, list[bool]]:
    found: dict[Labels, list[bool]] = {}
    for labels, column in columns.items():
        here = [value is not None for value in column]
        known = found.setdefault(_key(node, labels), here)
        if known is not here:
            found[_key(node, labels)] = [a or b for a, b in zip(known, here, strict=True)]
    return found


def _masked(column: Column, mask: list[bool], *, keep: bool) -> Column:
    return [value if on is keep else None for value, on in zip(column, mask, strict=True)]


def _merged(first: Column | None, second: Column) -> Column:
    if first is None:
        return second
    return [b if a is None else a for a, b in zip(first, second, strict=True)]
