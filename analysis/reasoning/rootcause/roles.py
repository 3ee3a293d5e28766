"""What a metric measures, by the words of its name: no data set's exact names are known here."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache


class Role(StrEnum):
    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    NETWORK = "network"
    NETWORK_ERRORS = "network_errors"
    SOCKETS = "sockets"
    RESTARTS = "restarts"
    LATENCY = "latency"
    ERRORS = "errors"
    SUCCESS = "success"
    TRAFFIC = "traffic"
    OTHER = "other"


RESOURCES = (Role.CPU, Role.MEMORY, Role.DISK, Role.SOCKETS, Role.NETWORK_ERRORS, Role.RESTARTS)


@dataclass(frozen=True)
class Meaning:
    """What a metric measures and in which unit.

    `quantile` is 0.5 for a median, 0.99 for a p99, None for a mean or where none is named;
    `scale` turns a value into seconds (latency) or a share of one (percentages), else 1.
    `is_share` says that the value is a share of a whole. `is_host` marks the node below the pod,
    `is_client` what the component sees of others when it calls them.
    """

    role: Role
    quantile: float | None = None
    scale: float = 1.0
    is_share: bool = False
    is_host: bool = False
    is_client: bool = False


# The first row with a word in the name decides, so the narrow words come before the wide ones.
_TABLE = """
latency: latency latencies duration rt mrt ttfb elapsed delay rtt
restarts: restart restarts crash crashes oom
network_errors: retrans retransmit retransmits retransmission drop drops dropped loss lost
success: success successful availability sr uptime
errors: error errors err fail fails failed failure failures 5xx fault faults exception exceptions
cpu: cpu cpus processor millicores cores throttle throttled
memory: memory mem heap rss workingset swap
sockets: socket sockets connection connections conn conns tcp fd
disk: disk disks fs diskio io iops syscall blkio storage filesystem volume
network: network net bandwidth rx tx receive transmit received transmitted
traffic: request requests workload workloads rps qps ops tps throughput calls invocations hits
traffic: traffic load count rate
"""
_WORDS = tuple(
    (Role(role), frozenset(words.split()))
    for role, words in (line.split(": ") for line in _TABLE.strip().splitlines())
)
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:xx)?")
_UNIT = re.compile(r"\(([^)]*)\)\s*$")
_QUANTILE = re.compile(r"(?:p|q|quantile|percentile|latency|duration)[\s_\-.]*(\d{2,3}(?:\.\d+)?)")
_SECONDS = {"s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "millis": 1e-3}
_SECONDS |= {"milliseconds": 1e-3, "us": 1e-6, "µs": 1e-6, "microseconds": 1e-6, "ns": 1e-9}
_SHARES = frozenset(("percent", "percentage", "pct", "ratio", "utilization", "utilisation"))


@cache
def meaning(name: str) -> Meaning:
    """The role, unit and quantile of a metric by the words of its name, in any common spelling.

    >>> meaning("PodServerLatencyP99(s)").role, meaning("container_cpu_usage_percent").role
    (<Role.LATENCY: 'latency'>, <Role.CPU: 'cpu'>)
    """
    unit = found.group(1).lower() if (found := _UNIT.search(name)) else ""
    words = {word.lower() for word in _SPLIT.findall(_UNIT.sub("", name))}
    role = _role(words, name.lower())
    is_share = unit == "%" or unit in _SHARES or "%" in name or bool(words & _SHARES)
    is_share = is_share or role is Role.SUCCESS
    return Meaning(
        role=role,
        quantile=_quantile(name.lower(), words) if role is Role.LATENCY else None,
        scale=_seconds(unit, words) if role is Role.LATENCY else 1.0,
        is_share=is_share,
        is_host=bool(words & {"node", "host", "machine"}),
        is_client=bool(words & {"client", "outbound", "upstream", "egress"}),
    )


def _role(words: set[str], lower: str) -> Role:
    if "response" in words and words & {"time", "times", "seconds", "ms"}:
        return Role.LATENCY
    for role, known in _WORDS:
        if words & known:
            return role
    # Names written in one run: "cpuusage", "memusage", "respTime".
    for role, known in _WORDS:
        if any(lower.startswith(word) or lower.endswith(word) for word in known if len(word) > 2):
            return role
    return Role.OTHER


def _quantile(lower: str, words: set[str]) -> float | None:
    if "median" in words:
        return 0.5
    if "max" in words:
        return 1.0
    if found := _QUANTILE.search(lower):
        digits = float(found.group(1))
        return digits / 100 if digits <= 100 else digits / 1000
    return None


def _seconds(unit: str, words: set[str]) -> float:
    if unit in _SECONDS:
        return _SECONDS[unit]
    return next((_SECONDS[word] for word in sorted(words) if word in _SECONDS and word != "s"), 1.0)
