"""The metrics of one replica, under the names common exporters use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Gauges:
    """Where the values that are read at scrape time come from."""

    queue_depth: Callable[[], int]
    queue_limit: int
    disk_used: Callable[[], int]
    disk_size: int
    memory_limit: int
    pool_in_use: Callable[[], int]
    pool_max: int


class Metrics:
    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no type for it
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "Requests answered.", ["route", "code"], registry=registry
        )
        self.duration = _histogram("http_request_duration_seconds", ["route"], registry)
        self.calls = Counter(
            "http_client_requests", "Calls made.", ["peer", "outcome"], registry=registry
        )
        self.call_duration = _histogram("http_client_request_duration_seconds", ["peer"], registry)
        self.pool_wait: Histogram | None = None
        self.query_duration: Histogram | None = None

    def expose(self, gauges: Gauges) -> None:
        """Add the process's own gauges; the pool's only where there is a pool."""
        _gauge(self._registry, "work_queue_depth", gauges.queue_depth)
        _gauge(self._registry, "work_queue_limit", lambda: gauges.queue_limit)
        _gauge(self._registry, "disk_used_bytes", gauges.disk_used)
        _gauge(self._registry, "disk_size_bytes", lambda: gauges.disk_size)
        _gauge(self._registry, "process_memory_limit_bytes", lambda: gauges.memory_limit)
        self._registry.register(_Process())
        if gauges.pool_max:
            _gauge(self._registry, "db_pool_connections_in_use", gauges.pool_in_use)
            _gauge(self._registry, "db_pool_connections_max", lambda: gauges.pool_max)
            self.pool_wait = _histogram("db_pool_wait_seconds", [], self._registry)

    def measure_queries(self) -> None:
        self.query_duration = _histogram("db_query_duration_seconds", ["query"], self._registry)

    def render(self) -> bytes:
        return generate_latest(self._registry)


class _Process(Collector):
    def __init__(self) -> None:
        self._process = psutil.Process()

    def collect(self) -> Iterator[Metric]:
        with self._process.oneshot():
            cpu = self._process.cpu_times()
            memory = self._process.memory_info().rss
            started = self._process.create_time()
        yield GaugeMetricFamily("process_resident_memory_bytes", "Resident memory.", value=memory)
        yield CounterMetricFamily(
            "process_cpu_seconds", "CPU time used.", value=cpu.user + cpu.system
        )
        yield GaugeMetricFamily("process_start_time_seconds", "Start time.", value=started)


def _histogram(name: str, labels: list[str], registry: CollectorRegistry) -> Histogram:
    help_text = name.replace("_", " ").capitalize() + "."
    return Histogram(name, help_text, labels, buckets=BUCKETS_S, registry=registry)


def _gauge(registry: CollectorRegistry, name: str, read: Callable[[], int]) -> None:
    gauge = Gauge(name, name.replace("_", " ").capitalize() + ".", registry=registry)
    gauge.set_function(read)
