"""A frozen world: everything the shop had told about itself at one moment, as data.

Served again it answers the same read APIs with the same answers, at any later time and as often as
asked. Ids of traces and spans are renumbered: their randomness is most of what does not compress.
"""

import gzip
import json
import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from lab.jaeger.store import Span, TraceStore
from lab.jsontypes import JSON
from lab.loki.store import LogStore
from lab.prom.tsdb import Database
from lab.supervisor.changes import ChangeLog

VERSION: Final = 1
_DIGITS: Final = 6
_FOREVER_S: Final = 1e12


class NotAWorld(ValueError):
    """The file is none of ours, or of another version."""


@dataclass(frozen=True, slots=True)
class World:
    """The stores of a shop, and what was done to it (`about`)."""

    about: JSON
    database: Database
    logs: LogStore
    traces: TraceStore
    changes: ChangeLog


def freeze(world: World, *, since: float) -> JSON:
    """The world from `since` (Unix seconds) on, as plain JSON."""
    ids = _Renumbered()
    traces = [
        (ids(key, 32), [_span_row(span, ids) for span in spans])
        for key, spans in world.traces.oldest_first(since * 1e6)
    ]
    lines = [ids.within(line.text) for line in world.logs.between(int(since * 1e9), 2**63)]
    return {
        "version": VERSION,
        "about": world.about,
        "metrics": list(_series_rows(world.database, int(since * 1000))),
        "lines": lines,
        "traces": traces,
        "changes": [change.as_row() for change in world.changes.between(0.0, _FOREVER_S)],
    }


def thaw(frozen: JSON) -> World:
    """The stores again. Raises NotAWorld."""
    if frozen.get("version") != VERSION:
        raise NotAWorld(f"a frozen world of version {VERSION} was expected")
    database = Database(retention_s=_FOREVER_S)
    world = World(frozen["about"], database, LogStore(), TraceStore(), ChangeLog())
    for labels, first_ms, steps, values in frozen["metrics"]:
        _fill(world.database, labels, first_ms, steps, values)
    for text in frozen["lines"]:
        world.logs.add(text)
    for key, rows in frozen["traces"]:
        for service, instance, *row in rows:
            world.traces.add(service, instance, [key, *row])
    for row in frozen["changes"]:
        world.changes.restore(row)
    return world


def write(path: Path, frozen: JSON) -> None:
    body = json.dumps(frozen, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(gzip.compress(body, compresslevel=9, mtime=0))


def read(path: Path) -> JSON:
    """Raises NotAWorld naming the file."""
    try:
        frozen: JSON = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError) as error:
        raise NotAWorld(f"{path} is not a frozen world: {error}") from error
    return frozen


def _series_rows(database: Database, since_ms: int) -> Iterable[list[Any]]:
    for series in sorted(database.all(), key=lambda one: one.labels):
        times, values = series.points
        kept = [(at, value) for at, value in zip(times, values, strict=True) if at >= since_ms]
        if kept:
            instants = [at for at, _ in kept]
            steps = [b - a for a, b in pairwise(instants)]
            shown = [None if math.isnan(value) else _short(value) for _, value in kept]
            yield [dict(series.labels), instants[0], steps, shown]


def _short(value: float) -> float | int:
    rounded = float(f"{value:.{_DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def _fill(
    database: Database, labels: dict[str, str], first_ms: int, steps: list[int], values: list[Any]
) -> None:
    name = labels["__name__"]
    series = database.series(name, {k: v for k, v in labels.items() if k != "__name__"})
    times = array("q", [first_ms])
    for step in steps:
        times.append(times[-1] + step)
    series.points = times, array("d", [float("nan") if v is None else v for v in values])


def _span_row(span: Span, ids: "_Renumbered") -> list[Any]:
    parent = ids(span.parent_id, 16) if span.parent_id else ""
    return [
        span.service, span.instance, ids(span.span_id, 16), parent, span.operation, span.kind,
        span.started_us, span.duration_us, span.status, span.error, span.peer,
    ]  # fmt: skip


class _Renumbered:
    """Ids in the order of their first appearance, as long as they were."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, given: str, width: int) -> str:
        if given not in self._known:
            self._known[given] = f"{len(self._known) + 1:0{width}x}"
        return self._known[given]

    def within(self, text: str) -> str:
        """A log line with the ids of its own fields renumbered."""
        row = json.loads(text)
        for field in ("trace_id", "span_id"):
            if row.get(field) in self._known:
                row[field] = self._known[row[field]]
        return json.dumps(row)
