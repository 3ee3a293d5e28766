"""Prometheus and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): metrics."""

import numpy as np

from airra.lib import clock
from analysis.connectors.base import Source
from analysis.connectors.matrix import frame_of_matrix, frame_of_vector
from analysis.types import Frame, Series

_MAX_SERIES = 100_000


class Prometheus(Source):
    title = "Prometheus"
    max_series = _MAX_SERIES

    def check(self) -> str:
        """One real query. Returns what was found, raises `ConnectorError`."""
        found = self.query("up", at=clock.now().timestamp())
        up = int(np.count_nonzero(found.values > 0))
        return f"Prometheus answers: {len(found)} targets, {up} up"

    def query(self, query: str, *, at: float) -> Frame:
        """The value of every series at `at` (Unix seconds): one column."""
        form = {"query": query, "time": f"{at:.3f}"}
        with self._reading() as http:
            body = http.post_form("/api/v1/query", form)
            return frame_of_vector(body, at=at, max_series=self.max_series)

    def query_frame(self, query: str, *, start: float, end: float, step_s: float) -> Frame:
        """All series of a query, on one grid `start, start + step_s, … <= end` (Unix seconds).

        A point Prometheus did not send, and one that is NaN or infinite, is NaN: a gap, never a
        zero. Points may come unsorted; of two for one grid place the later in the answer wins.
        """
        form = {
            "query": query,
            "start": f"{start:.3f}",
            "end": f"{end:.3f}",
            "step": f"{step_s:g}",
            "nocache": "1",  # VictoriaMetrics moves start and end to what it has cached
        }
        count = max(int((end - start) / step_s + 1e-9) + 1, 1)
        times = start + step_s * np.arange(count, dtype=np.float64)
        with self._reading() as http:
            body = http.post_form("/api/v1/query_range", form)
            return frame_of_matrix(body, times=times, step_s=step_s, max_series=self.max_series)

    def query_range(self, query: str, *, start: float, end: float, step_s: float) -> list[Series]:
        """The rows of `query_frame`, one by one."""
        return self.query_frame(query, start=start, end=end, step_s=step_s).series()
