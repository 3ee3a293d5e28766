"""Twins of a frozen world: the same incident with one thing about its evidence changed.

A world is what `python -m lab freeze` writes: metrics [labels, first ms, steps ms, values], lines
(JSON text), traces [id, spans [service, instance, span, parent, operation, kind, started µs,
duration µs, status, error, peer]], changes. Each function leaves the world it is given untouched.
"""

import copy
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

World = dict[str, Any]
NEUTRAL = "nightly report written to the usual place"
_SERVICE, _OPERATION, _PEER = 0, 4, 10
_RECENT_MS = 150_000  # of a steady service's values, repeated over its trouble


def with_red_herrings(world: World, bystander: str, at: float) -> World:
    """A deploy of a service that has nothing to do with it, and a burst of its errors."""
    twin = copy.deepcopy(world)
    twin["changes"].append(_change(bystander, at - 40, "deploy", "Deploy of a routine release"))
    twin["lines"] += [
        _line(bystander, at - 30 + i, "error", "cache warm-up skipped: token expired")
        for i in range(40)
    ]
    return twin


def with_texts(world: World, texts: Sequence[str], services: Sequence[str], at: float) -> World:
    """Texts in every place that others can write: log lines, change titles, operations.

    Twins made with different texts are alike in everything else.
    """
    twin = copy.deepcopy(world)
    for number, text in enumerate(texts):
        service = services[number % len(services)]
        twin["lines"] += [
            _line(service, at + 5 + i + number / 100, "error", text) for i in range(3)
        ]
        twin["changes"].append(_change(service, at - 900 - number, "restart", text))
    recent = [spans for _, spans in twin["traces"] if spans and spans[0][6] > at * 1e6]
    for number, spans in enumerate(recent[: len(texts)]):
        leaf = spans[-1]
        extra = list(leaf)
        extra[2], extra[3], extra[_OPERATION] = f"{number:016x}", leaf[2], texts[number]
        extra[5], extra[_PEER] = "internal", ""
        spans.append(extra)
    return twin


def with_contradiction(world: World, service: str, at: float) -> World:
    """Its own metrics stay as they were before: they now deny what traces and logs still show."""
    twin = copy.deepcopy(world)
    for row in twin["metrics"]:
        labels, first, steps, values = row
        if service not in {labels.get("service"), labels.get("peer")}:
            continue
        row[3] = _held(first, steps, values, int(at * 1000))
    return twin


def with_shuffled_calls(world: World, swaps: Mapping[str, str]) -> World:
    """Who calls whom, permuted: traces and client metrics name other services than they saw."""
    twin = copy.deepcopy(world)
    for _, spans in twin["traces"]:
        for span in spans:
            span[_SERVICE] = swaps.get(span[_SERVICE], span[_SERVICE])
            span[_PEER] = swaps.get(span[_PEER], span[_PEER])
    for labels, *_ in twin["metrics"]:
        if "peer" in labels:
            labels["service"] = swaps.get(labels["service"], labels["service"])
            labels["peer"] = swaps.get(labels["peer"], labels["peer"])
    return twin


def _held(
    first: int, steps: Sequence[int], values: Sequence[float | None], at_ms: int
) -> list[float | None]:
    """Values after `at_ms` replaced by earlier ones; a counter goes on at its old pace."""
    times = [first]
    for step in steps:
        times.append(times[-1] + step)
    before = [i for i, t in enumerate(times) if at_ms - _RECENT_MS <= t < at_ms]
    after = [i for i, t in enumerate(times) if t >= at_ms]
    if len(before) < 2 or any(values[i] is None for i in before):
        return list(values)
    rises = all(values[i] >= values[i - 1] for i in before[1:])  # type: ignore[operator]  # none is None
    grown = values[before[-1]] - values[before[0]] if rises else 0.0  # type: ignore[operator]  # none is None
    held = list(values)
    for number, i in enumerate(after):
        turn, place = divmod(number, len(before) - 1)
        base = values[before[place + 1]]
        held[i] = base + grown * (turn + 1) if base is not None else None
    return held


def _change(service: str, at: float, kind: str, title: str) -> dict[str, Any]:
    return {
        "id": f"chg-{_number(service, title, at):08x}",
        "at": at,
        "kind": kind,
        "service": service,
        "title": title,
        "actor": "ci",
        "before": "1.0.0",
        "after": "1.0.1",
        "revision": 2,
    }


def _number(*parts: object) -> int:
    """The same in every process, which `hash` is not."""
    return zlib.crc32(json.dumps(parts).encode())


def _line(service: str, at: float, level: str, message: str) -> str:
    stamp = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
    row = {
        "ts": stamp.replace("+00:00", "Z"),
        "level": level,
        "service": service,
        "instance": f"{service}-1",
        "logger": f"{service}.jobs",
        "message": message,
    }
    return json.dumps(row)
