"""A small made-up application with faults, in any spelling of its metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.types import Case

EDGES = (("web", "orders"), ("web", "search"), ("orders", "stock"), ("orders", "pay"))
NAMES = ("web", "orders", "search", "stock", "pay")
STEP_S = 60.0
BEFORE, DURING = 60, 5
STARTED_AT = 1_700_000_000.0


@dataclass(frozen=True)
class Spelling:
    """Names of the metrics of a data source, and what its values are in: x times the plain unit."""

    cpu: str = "cpu_usage_percent"
    memory: str = "memory_usage_percent"
    latency: str = "latency_avg_seconds"
    calls: str = "requests_per_minute"
    good: str = "success_ratio"
    cpu_unit: float = 100.0  # plain: share of the limit
    latency_unit: float = 1.0  # plain: seconds
    good_unit: float = 1.0
    is_bad: bool = False  # the source counts failures as a share, not successes


SPELLINGS = {
    "prometheus": Spelling(),
    "pods": Spelling(
        cpu="PodCpuUsageRate(%)",
        memory="PodMemUsageRate(%)",
        latency="ServerLatencyAvg(ms)",
        calls="Workload(Ops)",
        good="SuccessRate(%)",
        latency_unit=1000.0,
        good_unit=100.0,
    ),
    "cloud": Spelling(
        cpu="CPUUtilization_Average",
        memory="MemoryUtilization_Average",
        latency="Duration_Average(us)",
        calls="Invocations_Sum",
        good="Availability_Average",
        latency_unit=1e6,
        good_unit=100.0,
    ),
    "short": Spelling(
        cpu="cpu",
        memory="mem",
        latency="latency",
        calls="workload",
        good="error_ratio",
        cpu_unit=4.0,  # cores
        is_bad=True,
    ),
}
# The plain level of each signal in quiet times.
LEVELS: Mapping[str, float] = {
    "cpu": 0.2,
    "memory": 0.3,
    "latency": 0.05,
    "calls": 600.0,
    "good": 0.999,
}


def case(
    spelling: Spelling = SPELLINGS["prometheus"], *, seed: int = 0, alert: str = "web"
) -> Case:
    """An hour of quiet and a window of five quiet minutes."""
    chance = np.random.default_rng(seed)
    count = BEFORE + DURING
    series = {}
    for name in NAMES:
        for signal, level in LEVELS.items():
            values = level * (1 + 0.03 * chance.standard_normal(count))
            if signal == "good":
                values = np.minimum(level + 0.0005 * chance.standard_normal(count), 1.0)
            series[name, getattr(spelling, signal)] = _spelt(signal, values, spelling)
    start = STARTED_AT - STEP_S
    return Case(
        id="made-up",
        candidates=NAMES,
        started_at=STARTED_AT,
        window=(start, start + DURING * STEP_S),
        baseline=(start - BEFORE * STEP_S, start),
        interval_s=STEP_S,
        alert_service=alert,
        times=start + STEP_S * np.arange(-BEFORE, DURING, dtype=np.float64),
        series=series,
        edges=EDGES,
        kinds=dict.fromkeys(NAMES, "service"),
    )


def busy(quiet: Case, name: str, spelling: Spelling, *, share: float = 0.7) -> Case:
    """`name` takes `share` more of its limit."""
    return _raise(quiet, name, spelling.cpu, share * spelling.cpu_unit)


def slow(quiet: Case, name: str, spelling: Spelling, *, seconds: float = 0.4) -> Case:
    """`name` takes longer, and so does everybody who waits for it."""
    for one in _waiting(name):
        quiet = _raise(quiet, one, spelling.latency, seconds * spelling.latency_unit)
    return quiet


def failing(quiet: Case, name: str, spelling: Spelling, *, share: float = 0.3) -> Case:
    """A share of the calls of `name` fails, and so does that of everybody who needs it."""
    step = share if spelling.is_bad else -share
    for one in _waiting(name):
        quiet = _raise(quiet, one, spelling.good, step * spelling.good_unit)
    return quiet


def renamed(told: Case, names: Mapping[str, str]) -> Case:
    """The same incident where the components are called otherwise."""
    return replace(
        told,
        candidates=tuple(names[name] for name in told.candidates),
        alert_service=names.get(told.alert_service, told.alert_service),
        series={(names[name], metric): v for (name, metric), v in told.series.items()},
        edges=tuple((names[a], names[b]) for a, b in told.edges),
        kinds={names[name]: kind for name, kind in told.kinds.items()},
    )


def _waiting(name: str) -> set[str]:
    """`name` and its callers, direct or not."""
    found = {name}
    while more := {a for a, b in EDGES if b in found} - found:
        found |= more
    return found


def _raise(told: Case, name: str, metric: str, by: float) -> Case:
    values = told.series[name, metric].copy()
    values[BEFORE:] += by
    return replace(told, series={**told.series, (name, metric): values})


def _spelt(signal: str, values: np.ndarray, spelling: Spelling) -> np.ndarray:
    if signal == "latency":
        return values * spelling.latency_unit
    if signal == "good":
        return (1 - values if spelling.is_bad else values) * spelling.good_unit
    return values * spelling.cpu_unit if signal in {"cpu", "memory"} else values
