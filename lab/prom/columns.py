"""Vectors over time: for each label set one value per step, None where there is none."""

from collections.abc import Callable, Iterable

from lab.prom.tsdb import NAME, Labels

Column = list[float | None]
Columns = dict[Labels, Column]


def without(labels: Labels, dropped: Iterable[str]) -> Labels:
    gone = set(dropped)
    return tuple(pair for pair in labels if pair[0] not in gone)


def only(labels: Labels, kept: Iterable[str]) -> Labels:
    wanted = set(kept)
    return tuple(pair for pair in labels if pair[0] in wanted)


def nameless(labels: Labels) -> Labels:
    return without(labels, (NAME,))


def mapped(columns: Columns, change: Callable[[float], float]) -> Columns:
    """Every value changed, the metric name dropped."""
    return {
        nameless(labels): [None if value is None else change(value) for value in column]
        for labels, column in columns.items()
    }
