"""For each fault the sign that must move: what to measure and what it reads when ill or well."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Sign:
    """Ill when the query reads at least `ill`, well again when it reads at most `well`."""

    title: str
    query: str
    ill: float
    well: float


def _errors(service: str) -> str:
    total = f'sum(rate(http_requests_total{{service="{service}"}}[20s]))'
    bad = f'sum(rate(http_requests_total{{service="{service}",code=~"5.."}}[20s]))'
    return f"({bad} or vector(0)) / {total}"


def _p95(service: str) -> str:
    buckets = f'http_request_duration_seconds_bucket{{service="{service}"}}[20s]'
    return f"histogram_quantile(0.95, sum by (le) (rate({buckets})))"


def _mean_rate(metric: str, selector: str) -> str:
    return f"avg(rate({metric}{{{selector}}}[20s]))"


SIGNS: Final[Mapping[str, tuple[Sign, ...]]] = MappingProxyType({
    "memory-leak": (
        Sign("memory MB", 'max(process_resident_memory_bytes{service="payments"}) / 1e6', 65, 50),
    ),
    "cpu-burn": (
        Sign("cpu cores", _mean_rate("process_cpu_seconds_total", 'service="search"'), 0.3, 0.1),
        Sign("p95 s", _p95("search"), 0.09, 0.085),
    ),
    "slow-query": (
        Sign("inventory p95 s", _p95("inventory"), 1.0, 0.2),
        Sign("search p95 s", _p95("search"), 0.2, 0.1),
    ),
    "pool-exhaustion": (
        Sign("pool in use", 'max(db_pool_connections_in_use{service="inventory"})', 10, 3),
        Sign("error ratio", _errors("inventory"), 0.5, 0.02),
    ),
    "bad-deploy": (Sign("error ratio", _errors("checkout"), 0.3, 0.02),),
    "crash-loop": (
        Sign("restarts 30s", 'sum(increase(service_restarts_total{service="search"}[30s]))', 2, 0),
        Sign("gateway errors", _errors("gateway"), 0.1, 0.02),
    ),
    "dependency-timeout": (
        Sign(
            "time-outs/s",
            'sum(rate(http_client_requests_total{service="payments",outcome="timeout"}[20s]))'
            " or vector(0)",
            1, 0.01,
        ),
        Sign("error ratio", _errors("payments"), 0.5, 0.02),
    ),
    "traffic-surge": (
        Sign("queue depth", 'sum(work_queue_depth{service="checkout"})', 16, 3),
        Sign("error ratio", _errors("checkout"), 0.05, 0.02),
        Sign("p95 s", _p95("checkout"), 1.5, 0.9),
    ),
    "config-error": (Sign("error ratio", _errors("inventory"), 0.9, 0.02),),
    "full-disk": (
        Sign(
            "disk ratio",
            'max(disk_used_bytes{service="payments"} / disk_size_bytes{service="payments"})',
            0.99, 0.2,
        ),
        Sign("error ratio", _errors("payments"), 0.5, 0.02),
    ),
})  # fmt: skip
