"""Points of many metrics at once: each distinct query of a source is asked a single time."""

import math
from collections.abc import Iterable, Mapping
from typing import Protocol

from analysis.connectors.base import ConnectorError
from analysis.models import Connector
from analysis.queries.sources import open_metrics
from analysis.types import Series

STEP_S = 5.0


class Measured(Protocol):
    """What can be read: a prediction's alerting metric, a guard, a peer."""

    @property
    def query(self) -> str: ...
    @property
    def connector_id(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def service_label(self) -> str: ...
    @property
    def direction(self) -> str: ...


Points = list[tuple[float, float]]  # (Unix seconds, value), ascending


def points_of(wanted: Mapping[str, Measured], *, start: float, end: float) -> dict[str, Points]:
    """The points of each metric from `start` to `end` (Unix seconds); empty without data.

    A source that fails is no data too: it is never read as health, and it is asked nothing more.
    """
    found: dict[str, Points] = {}
    answers = _ask({(m.connector_id, m.query) for m in wanted.values()}, start, end)
    for key, metric in wanted.items():
        series = answers.get((metric.connector_id, metric.query), [])
        found[key] = worst_points(_of_service(series, metric), is_up=metric.direction == "up")
    return found


def series_of(connector_id: str, query: str, *, start: float, end: float) -> list[Series]:
    """Every series of one query; none when the source fails."""
    return _ask({(connector_id, query)}, start, end).get((connector_id, query), [])


def _ask(
    asked: set[tuple[str, str]], start: float, end: float
) -> dict[tuple[str, str], list[Series]]:
    connectors = {str(c.pk): c for c in Connector.objects.filter(pk__in={pk for pk, _ in asked})}
    answers: dict[tuple[str, str], list[Series]] = {}
    failed: set[str] = set()
    for pk, query in sorted(asked):
        if pk not in connectors or pk in failed:
            continue
        try:
            source = open_metrics(connectors[pk])
            answers[pk, query] = source.query_range(query, start=start, end=end, step_s=STEP_S)
        except ConnectorError:
            failed.add(pk)
    return answers


def _of_service(found: list[Series], metric: Measured) -> Iterable[Series]:
    for series in found:
        label = series.labels.get(metric.service_label)
        if label == metric.service or (label is None and len(found) == 1):
            yield series


def worst_points(found: Iterable[Series], *, is_up: bool) -> Points:
    """Several replicas answer with several series: at each moment the worst one counts."""
    worst = max if is_up else min
    points: dict[float, float] = {}
    for series in found:
        for at, value in zip(series.times, series.values, strict=True):
            if math.isfinite(value):
                known = points.get(float(at), float(value))
                points[float(at)] = worst(known, float(value))
    return sorted(points.items())
