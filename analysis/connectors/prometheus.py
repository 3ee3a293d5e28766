"""Prometheus and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): range queries."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from airra.lib import clock
from analysis.connectors.base import Source, as_list, as_object, malformed
from analysis.types import Floats, Series


class Prometheus(Source):
    title = "Prometheus"

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        end = clock.now().timestamp()
        found = self.query_range("up", start=end - 60, end=end, step_s=15)
        up = sum(1 for s in found if np.nanmax(s.values, initial=0.0) > 0)
        return f"Prometheus answers: {len(found)} targets, {up} up in the last minute"

    def query_range(self, query: str, *, start: float, end: float, step_s: float) -> list[Series]:
        """All series of a query, on one grid `start, start + step_s, … <= end` (Unix seconds).

        A point Prometheus did not send, and one that is NaN or infinite, is NaN: a gap, never a
        zero. Points may come unsorted; of two for one grid place the later in the answer wins.
        """
        form = {
            "query": query,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step_s:g}",
        }
        with self._reading() as http:
            body = http.post_form_json("/api/v1/query_range", form)
        data = as_object(as_object(body, "the answer").get("data"), "data")
        if data.get("resultType") != "matrix":
            malformed("data.resultType", '"matrix"', data.get("resultType"))
        count = int((end - start) / step_s + 1e-9) + 1
        times = start + step_s * np.arange(count, dtype=np.float64)
        return [_series(item, times, step_s) for item in as_list(data.get("result"), "data.result")]


def _series(item: Any, times: Floats, step_s: float) -> Series:
    entry = as_object(item, "a series")
    labels = as_object(entry.get("metric"), "metric")
    points = _points(as_list(entry.get("values"), "values"))
    values = np.full(len(times), np.nan)
    place = np.rint((points[:, 0] - times[0]) / step_s)
    is_ours = (place >= 0) & (place < len(times))
    values[place[is_ours].astype(np.intp)] = points[is_ours, 1]
    values[~np.isfinite(values)] = np.nan
    return Series(labels=_texts(labels), times=times, values=values)


def _points(pairs: list[Any]) -> Floats:
    """`[[time, "value"], …]` as an array of shape (n, 2)."""
    if not pairs:
        return np.empty((0, 2))
    try:
        points = np.array(pairs, dtype=np.float64)
    except (ValueError, TypeError):
        malformed("values", 'pairs of [time, "number"]', pairs)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points[:, 0]).all():
        malformed("values", 'pairs of [time, "number"]', pairs)
    return points


def _texts(labels: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in labels.items()}
