"""Services that count their own requests: with a Prometheus client, OpenTelemetry or Micrometer."""

from analysis.perception.presets.base import Family, Preset, mean, p95, rate, ratio, red

_FAILED = '$code=~"5.."'


def _in_use(used: str, limit: str) -> str:
    """Of the fullest instance, smoothed: one busy moment is not a full pool."""
    return f"max by ($service) (avg_over_time({used}[$window]) / {limit})"


# --- the names of the client libraries' own examples, which the lab has too --------------------

_CALLS = rate("http_client_requests_total", by="$service, peer")
_CALLS_FAILED = rate("http_client_requests_total", 'outcome!="ok"', by="$service, peer")
_CLIENT = (
    *red(
        Family.CLIENT,
        requests=rate("http_requests_total"),
        failed=rate("http_requests_total", _FAILED),
        latency=p95("http_request_duration_seconds_bucket"),
    ),
    Preset(
        Family.CLIENT,
        "Failed calls to a dependency",
        "errors",
        ratio(_CALLS_FAILED, _CALLS),
        "ratio",
        "a slip now and then",
        floor=0.05,
        opens_incident=False,
    ),
    Preset(
        Family.CLIENT,
        "Connection pool in use",
        "saturation",
        _in_use("db_pool_connections_in_use", "db_pool_connections_max"),
        "ratio",
        "a pool is there to be used",
        floor=0.3,
    ),
    Preset(
        Family.CLIENT,
        "Work queue",
        "saturation",
        _in_use("work_queue_depth", "work_queue_limit"),
        "ratio",
        "a queue is there to be used",
        floor=0.3,
    ),
    Preset(
        Family.CLIENT,
        "Disk in use",
        "disk",
        "max by ($service) (disk_used_bytes / disk_size_bytes)",
        "ratio",
        "files come and go",
        floor=0.05,
    ),
    Preset(
        Family.CLIENT,
        "Disk nearly full",
        "disk",
        "max by ($service, instance) (disk_used_bytes / disk_size_bytes)",
        "ratio",
        "writes fail at 1",
        rule="saturation",
        limit=1.0,
        floor=0.1,
    ),
    Preset(
        Family.CLIENT,
        "Disk filling up",
        "disk",
        "max by ($service, instance) (disk_used_bytes / disk_size_bytes)",
        "ratio",
        "writes fail at 1",
        rule="forecast",
        limit=1.0,
    ),
    Preset(
        Family.CLIENT,
        "Memory nearly at its limit",
        "memory",
        "max by ($service, instance) (process_resident_memory_bytes / process_memory_limit_bytes)",
        "ratio",
        "it is killed at 1",
        rule="saturation",
        limit=1.0,
        floor=0.1,
    ),
    Preset(
        Family.CLIENT,
        "Memory on its way to its limit",
        "memory",
        "max by ($service, instance) (process_resident_memory_bytes / process_memory_limit_bytes)",
        "ratio",
        "it is killed at 1",
        rule="forecast",
        limit=1.0,
    ),
    Preset(
        Family.CLIENT,
        "Restarts",
        "restarts",
        "sum by ($service) (increase(service_restarts_total[$wide]))",
        "restarts",
        "a deployment restarts once or twice",
        floor=2.5,
    ),
)

# --- OpenTelemetry's semantic conventions for HTTP, as its Prometheus exporters write them ------

_OTEL_CALLS = "http_client_request_duration_seconds_count"
_OTEL = (
    *red(
        Family.OTEL,
        ": OpenTelemetry",
        requests=rate("http_server_request_duration_seconds_count"),
        failed=rate("http_server_request_duration_seconds_count", _FAILED),
        latency=p95("http_server_request_duration_seconds_bucket"),
    ),
    Preset(
        Family.OTEL,
        "Failed calls to a dependency: OpenTelemetry",
        "errors",
        ratio(
            rate(_OTEL_CALLS, 'error_type!=""', by="$service, server_address"),
            rate(_OTEL_CALLS, by="$service, server_address"),
        ),
        "ratio",
        "a slip now and then",
        floor=0.05,
        opens_incident=False,
        labels=("server_address",),
    ),
)

# --- Spring Boot's actuator, and what else registers with Micrometer --------------------------

_SPRING = ("application", "service", "service_name", "app", "job")
_MICROMETER = (
    *red(
        Family.MICROMETER,
        ": Spring",
        requests=rate("http_server_requests_seconds_count"),
        failed=rate("http_server_requests_seconds_count", _FAILED),
        latency=p95("http_server_requests_seconds_bucket"),
        services=_SPRING,
    ),
    Preset(
        Family.MICROMETER,
        "Slow answers (mean): Spring",
        "latency",
        mean("http_server_requests_seconds_sum", "http_server_requests_seconds_count"),
        "s",
        "people feel it",
        floor=0.25,
        services=_SPRING,
        unless=("http_server_requests_seconds_bucket",),
    ),
    Preset(
        Family.MICROMETER,
        "Connection pool in use: Hikari",
        "saturation",
        _in_use("hikaricp_connections_active", "hikaricp_connections_max"),
        "ratio",
        "a pool is there to be used",
        floor=0.3,
        services=_SPRING,
    ),
    Preset(
        Family.MICROMETER,
        "Waiting for a connection: Hikari",
        "saturation",
        "max by ($service) (avg_over_time(hikaricp_connections_pending[$window]))",
        "threads",
        "one may wait",
        floor=3.0,
        services=_SPRING,
    ),
    Preset(
        Family.MICROMETER,
        "Busy threads: Tomcat",
        "saturation",
        _in_use("tomcat_threads_busy_threads", "tomcat_threads_config_max_threads"),
        "ratio",
        "threads are there to be used",
        floor=0.3,
        services=_SPRING,
    ),
    Preset(
        Family.MICROMETER,
        "Errors logged: Logback",
        "errors",
        rate("logback_events_total", 'level="error"'),
        "1/s",
        "one every second or two",
        floor=0.5,
        opens_incident=False,
        services=_SPRING,
    ),
)

PRESETS: tuple[Preset, ...] = (*_CLIENT, *_OTEL, *_MICROMETER)
