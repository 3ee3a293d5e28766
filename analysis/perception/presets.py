"""Sample detectors: rate, errors and duration of each service; use and saturation of what it has.

Plain data. The queries keep to what Prometheus and its look-alikes share, and name metrics as the
common exporters do; each answers one series per service, so that one row watches them all.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """A detector before it is a row. Field names are those of the `Detector` model."""

    name: str
    signal: str
    query: str
    unit: str
    floor: float
    direction: str = "up"
    sensitivity: float = 6.0
    persistence: int = 3
    opens_incident: bool = True


def _ratio(part: str, whole: str) -> str:
    """A share that is 0, not missing, while `part` has no series yet."""
    return f"{part} / {whole} or {whole} * 0"


_REQUESTS = "sum by (service) (rate(http_requests_total[30s]))"
_FAILED = 'sum by (service) (rate(http_requests_total{code=~"5.."}[30s]))'
_CALLS = "sum by (service, peer) (rate(http_client_requests_total[30s]))"
_CALLS_FAILED = 'sum by (service, peer) (rate(http_client_requests_total{outcome!="ok"}[30s]))'
_DURATIONS = "sum by (service, le) (rate(http_request_duration_seconds_bucket[30s]))"


def _share_in_use(used: str, limit: str) -> str:
    """Of the fullest instance, smoothed: one busy moment is not a full pool."""
    return f"max by (service) (avg_over_time({used}[30s]) / {limit})"


PRESETS: tuple[Preset, ...] = (
    Preset("Error ratio", "errors", _ratio(_FAILED, _REQUESTS), "ratio", floor=0.05),
    Preset(
        "Slow answers (95th percentile)",
        "latency",
        f"histogram_quantile(0.95, {_DURATIONS})",
        "s",
        floor=0.25,
    ),
    Preset("Traffic surge", "traffic", _REQUESTS, "1/s", floor=3.0, sensitivity=8.0),
    Preset(
        "Traffic lost",
        "traffic",
        _REQUESTS,
        "1/s",
        floor=3.0,
        direction="down",
        sensitivity=8.0,
        opens_incident=False,
    ),
    Preset(
        "CPU",
        "cpu",
        "sum by (service) (rate(process_cpu_seconds_total[30s]))",
        "cores",
        floor=0.2,
    ),
    Preset(
        "Memory",
        "memory",
        "max by (service) (process_resident_memory_bytes)",
        "bytes",
        floor=24 * 1024 * 1024,
    ),
    Preset(
        "Disk in use",
        "disk",
        "max by (service) (disk_used_bytes / disk_size_bytes)",
        "ratio",
        floor=0.05,
    ),
    Preset(
        "Connection pool in use",
        "saturation",
        _share_in_use("db_pool_connections_in_use", "db_pool_connections_max"),
        "ratio",
        floor=0.3,
    ),
    Preset(
        "Work queue",
        "saturation",
        _share_in_use("work_queue_depth", "work_queue_limit"),
        "ratio",
        floor=0.3,
    ),
    Preset(
        "Restarts in two minutes",
        "restarts",
        "sum by (service) (increase(service_restarts_total[2m]))",
        "restarts",
        floor=2.5,
    ),
    Preset(
        "Instances up",
        "availability",
        "avg by (service) (avg_over_time(up{service!=''}[30s]))",
        "ratio",
        floor=0.4,
        direction="down",
    ),
    Preset(
        "Failed calls to a dependency",
        "errors",
        _ratio(_CALLS_FAILED, _CALLS),
        "ratio",
        floor=0.05,
        opens_incident=False,
    ),
)

_FINER = (("pool", r"pool|connections"), ("queue", r"queue|backlog|lag"), ("threads", r"threads?"))


def finer_signal(signal: str, query: str) -> str:
    """What is saturated, where the names in the query tell: pool, queue, threads."""
    if signal != "saturation":
        return signal
    names = " ".join(re.findall(r"[a-zA-Z_:][\w:]*", query)).replace("_", " ")
    return next((fine for fine, words in _FINER if re.search(rf"\b({words})\b", names)), signal)
