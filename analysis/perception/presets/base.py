"""What a preset is, and the shapes that many of them share.

Plain data. In a query `$service` stands for the label that names services here, `$code` for the one
with the status code, `$window` for a range of at least four scrapes, `$wide` for one of eight.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

OBJECTIVE = 0.99  # what may be assumed of a service that has told nobody its own

SERVICES = ("service", "service_name", "app", "application", "job")
CODES = ("code", "status", "status_code", "http_response_status_code", "http_status_code")


class Family(StrEnum):
    """Whose metrics they are; the value is the heading of the reference."""

    CLIENT = "Prometheus client libraries"
    OTEL = "OpenTelemetry HTTP conventions"
    MICROMETER = "Spring Boot and Micrometer"
    PROCESS = "Processes and runtimes"
    INGRESS = "ingress-nginx"
    ENVOY = "Envoy"
    ISTIO = "Istio"
    NODE = "node_exporter"
    KUBERNETES = "kube-state-metrics"
    CADVISOR = "cAdvisor"
    POSTGRES = "PostgreSQL exporter"
    REDIS = "Redis exporter"
    KAFKA = "Kafka exporter"
    PROBES = "Probes and scrapes"
    WATCHES = "Logs and traces"


@dataclass(frozen=True)
class Preset:
    """A detector before it is a row. The fields up to `opens_incident` are those of `Detector`.

    `floor` is the least departure that can matter; with `limit` and the rule saturation, how near
    to the limit is too near. `why` is the reason of the floor, or else of limit or objective.
    `services` are the labels that may name services, the plainest first; `labels` must be there,
    whatever else is; where a metric named in `unless` exists another preset says it better.
    """

    family: Family
    name: str
    signal: str
    query: str
    unit: str
    why: str
    rule: str = "adaptive"
    floor: float = 0.0
    direction: str = "up"
    alarms_per_week: float = 0.35
    limit: float | None = None
    objective: float | None = None
    horizon_s: int = 6 * 3600
    opens_incident: bool = True
    services: tuple[str, ...] = SERVICES
    labels: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    @property
    def needs(self) -> frozenset[str]:
        """The metrics named in the query."""
        return metrics_in(self.query)


_NOT_NAMES = re.compile(
    r"\"[^\"]*\"|'[^']*'|\{[^}]*\}|\[[^\]]*\]"
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"
)
_NAME = re.compile(r"[a-zA-Z_:][\w:]*(?P<call>\s*\()?")
_WORDS = frozenset({"and", "or", "unless"})


def metrics_in(query: str) -> frozenset[str]:
    """The names of metrics in PromQL of the simple kind that presets are written in."""
    found = _NAME.finditer(_NOT_NAMES.sub(" ", query))
    return frozenset(match[0] for match in found if not match["call"]) - _WORDS


def rate(metric: str, matchers: str = "", *, by: str = "$service") -> str:
    selector = f"{metric}{{{matchers}}}" if matchers else metric
    return f"sum by ({by}) (rate({selector}[$window]))"


def ratio(part: str, whole: str) -> str:
    """A share that is 0, not missing, while `part` has no series yet."""
    return f"{part} / {whole} or {whole} * 0"


def p95(buckets: str, *, by: str = "$service") -> str:
    return f"histogram_quantile(0.95, {rate(buckets, by=f'{by}, le')})"


def mean(sums: str, counts: str) -> str:
    return f"{rate(sums)} / {rate(counts)}"


def red(
    family: Family,
    suffix: str = "",
    *,
    requests: str,
    failed: str,
    latency: str,
    services: tuple[str, ...] = SERVICES,
) -> tuple[Preset, ...]:
    """Rate, errors and duration of each service, and how fast its error budget burns.

    `requests` and `failed` are rates, `latency` is in seconds.
    """
    share = ratio(failed, requests)
    found = (
        Preset(
            family, "Error ratio", "errors", share, "ratio", "a slip now and then", floor=0.05
        ),
        Preset(
            family, "Slow answers (95th percentile)", "latency", latency, "s", "people feel it",
            floor=0.25,
        ),
        Preset(
            family, "Traffic surge", "traffic", requests, "1/s", "a trickle may double",
            floor=3.0, alarms_per_week=0.1,
        ),
        Preset(
            family, "Traffic lost", "traffic", requests, "1/s", "a trickle may dry up",
            floor=3.0, alarms_per_week=0.1, direction="down", opens_incident=False,
        ),
        Preset(
            family, "Error budget", "errors", share.replace("$window", "$wide"), "ratio",
            "two nines, until you set yours",
            rule="burn_rate", objective=OBJECTIVE,
        ),
    )  # fmt: skip
    return tuple(replace(preset, name=preset.name + suffix, services=services) for preset in found)
