"""Evaluates PromQL over the lab's samples: every node for all steps at once."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Final

from lab.prom import binary, ranges
from lab.prom.columns import Column, Columns, mapped, nameless, only, without
from lab.prom.lexer import QueryError
from lab.prom.nodes import (
    SCALAR,
    SETS,
    Aggregate,
    Binary,
    Call,
    Node,
    Number,
    Selector,
    type_of,
)
from lab.prom.quantile import histogram_quantile
from lab.prom.tsdb import NAME, Database, Labels, Series

LOOKBACK_MS: Final = 300_000


class Engine:
    """One evaluation at the given steps (milliseconds, rising)."""

    def __init__(self, database: Database, steps: list[int]) -> None:
        self._database = database
        self._steps = steps

    def vector(self, node: Node) -> Columns:
        """The instant vector at each step. Raises QueryError."""
        match node:
            case Selector():
                return self._instant(node)
            case Aggregate():
                return _aggregate(node, self.vector(node.inner), len(self._steps))
            case Binary():
                return self._binary(node)
            case Call():
                return self._call(node)
            case Number():
                raise QueryError("expected an instant vector, got a scalar")

    def scalar(self, node: Node) -> Column:
        """The scalar at each step."""
        match node:
            case Number(value=value):
                return [value] * len(self._steps)
            case Binary(left=left, right=right):
                return binary.scalars(node, self.scalar(left), self.scalar(right))
            case Call(function="time"):
                return [step / 1000 for step in self._steps]
            case _:
                raise QueryError("expected a scalar")

    def raw(self, node: Selector) -> dict[Labels, list[tuple[int, float]]]:
        """The samples of a range vector selector at the last step, as an instant query gives."""
        end = self._steps[-1] - node.offset_ms
        found: dict[Labels, list[tuple[int, float]]] = {}
        for series in self._series(node):
            window = _window(series, end - node.range_ms, end)
            if window.values:
                found[series.labels] = list(zip(window.times, window.values, strict=True))
        return found

    def _series(self, node: Selector) -> list[Series]:
        tests = [(matcher.label, matcher.test()) for matcher in node.matchers]
        return self._database.select(
            node.name, lambda labels: all(test(labels.get(key, "")) for key, test in tests)
        )

    def _instant(self, node: Selector) -> Columns:
        result: Columns = {}
        for series in self._series(node):
            column = [_newest(series, step - node.offset_ms) for step in self._steps]
            if any(value is not None for value in column):
                result[series.labels] = column
        return result

    def _call(self, node: Call) -> Columns:
        first, *rest = node.arguments
        match node.function:
            case "vector":
                return {(): self.scalar(first)}
            case "histogram_quantile":
                return histogram_quantile(self.scalar(first), self.vector(rest[0]))
            case "clamp_min" | "clamp_max" as name:
                return self._clamped(first, rest[0], max if name == "clamp_min" else min)
            case "abs":
                return mapped(self.vector(first), abs)
            case _:
                return self._over_range(node, first)

    def _clamped(self, node: Node, limit: Node, choose: Callable[[float, float], float]) -> Columns:
        limits = self.scalar(limit)
        return {
            nameless(labels): [
                None if value is None or bound is None else choose(value, bound)
                for value, bound in zip(column, limits, strict=True)
            ]
            for labels, column in self.vector(node).items()
        }

    def _over_range(self, node: Call, argument: Node) -> Columns:
        if not isinstance(argument, Selector):
            raise QueryError(f"expected type range vector in call to function {node.function!r}")
        keeps_name = node.function == "last_over_time"
        result: Columns = {}
        for series in self._series(argument):
            column: Column = []
            for step in self._steps:
                end = step - argument.offset_ms
                window = _window(series, end - argument.range_ms, end)
                column.append(ranges.apply(node.function, window))
            if any(value is not None for value in column):
                result[series.labels if keeps_name else nameless(series.labels)] = column
        return result

    def _binary(self, node: Binary) -> Columns:
        if node.op in SETS:
            return binary.sets(node, self.vector(node.left), self.vector(node.right))
        if type_of(node.left) == SCALAR:
            return binary.vector_scalar(
                node, self.vector(node.right), self.scalar(node.left), is_swapped=True
            )
        if type_of(node.right) == SCALAR:
            return binary.vector_scalar(
                node, self.vector(node.left), self.scalar(node.right), is_swapped=False
            )
        return binary.vectors(node, self.vector(node.left), self.vector(node.right))


def _newest(series: Series, at_ms: int) -> float | None:
    times, values = series.points
    index = bisect_right(times, at_ms) - 1
    if index < 0 or times[index] < at_ms - LOOKBACK_MS:
        return None
    value = values[index]
    return None if math.isnan(value) else value


def _window(series: Series, start_ms: int, end_ms: int) -> ranges.Window:
    times, values = series.points
    first = bisect_left(times, start_ms)
    last = bisect_right(times, end_ms, first)
    inside, numbers = times[first:last], values[first:last]
    if any(math.isnan(value) for value in numbers):
        fresh = [(at, v) for at, v in zip(inside, numbers, strict=True) if not math.isnan(v)]
        return ranges.Window(start_ms, end_ms, [at for at, _ in fresh], [v for _, v in fresh])
    return ranges.Window(start_ms, end_ms, inside, numbers)


def _aggregate(node: Aggregate, columns: Columns, steps: int) -> Columns:
    groups: dict[Labels, list[Column]] = {}
    for labels, column in columns.items():
        if node.is_without:
            key = without(labels, (NAME, *node.labels))
        else:
            key = only(labels, node.labels)
        groups.setdefault(key, []).append(column)
    combine = _COMBINE[node.op]
    result: Columns = {}
    for key, members in groups.items():
        merged: Column = []
        for step in range(steps):
            present = [value for column in members if (value := column[step]) is not None]
            merged.append(combine(present) if present else None)
        result[key] = merged
    return result


def _largest(values: list[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _smallest(values: list[float]) -> float:
    return min((value for value in values if not math.isnan(value)), default=math.nan)


_COMBINE: Final[dict[str, Callable[[list[float]], float]]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "max": _largest,
    "min": _smallest,
    "count": lambda values: float(len(values)),
}
