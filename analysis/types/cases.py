"""One incident as plain data, and what the root-cause engine says of it (`root-cause.md` §3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CaseSpan:
    """One span; `parent_id` is empty at the root of a trace."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    operation: str
    start: float  # epoch seconds
    duration_s: float


@dataclass(frozen=True)
class CaseLog:
    at: float
    service: str
    level: str
    message: str
    trace_id: str = ""
    span_id: str = ""


@dataclass(frozen=True)
class CaseAlert:
    """Something a monitor already called abnormal; without times in an alert storm."""

    kind: str  # metric | trace | log
    component: str
    name: str  # the metric, the operation, or the log template
    sense: str = ""  # up, down, slow, or the status of the call
    caller: str = ""  # of a call; empty where it is not known


@dataclass(frozen=True)
class Case:
    """What is known of one incident: any part may be missing, and is then empty or None.

    `series` maps (component, metric) to values on the grid `times` (epoch seconds, NaN where there
    is no sample). Windows are [from, to). `edges` lead from caller to callee.
    """

    id: str
    candidates: tuple[str, ...]
    started_at: float | None = None
    window: tuple[float, float] | None = None
    baseline: tuple[float, float] | None = None
    trace_baseline: tuple[float, float] | None = None
    interval_s: float = 60.0
    alert_service: str = ""
    alert_metric: str = ""
    alert_message: str = ""
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    series: Mapping[tuple[str, str], NDArray[np.float64]] = field(default_factory=dict)
    spans: Sequence[CaseSpan] = ()
    logs: Sequence[CaseLog] = ()
    edges: tuple[tuple[str, str], ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)  # component -> pod, service, database …
    hosts: Mapping[str, str] = field(default_factory=dict)  # component -> node it runs on
    alerts: Sequence[CaseAlert] = ()
    kubernetes: Mapping[str, Any] | None = None  # tables, describe, manifests, node_services …
    events: Sequence[Mapping[str, Any]] = ()  # Kubernetes events


@dataclass(frozen=True)
class Clue:
    """One piece of evidence about one component, with what it was computed from."""

    component: str
    feature: str  # cpu, latency, errors, impact, rpc_gap, stopped_calls, kubernetes rule …
    value: float  # what the fusion weighs
    before: float | None = None
    during: float | None = None
    detail: str = ""  # one line for a reader: metric, template, operation, rule


@dataclass(frozen=True)
class Suspect:
    """A ranked component: the stated probability that it is the cause, and why."""

    component: str
    probability: float
    fault_type: str
    clues: tuple[Clue, ...] = ()


@dataclass(frozen=True)
class Diagnosis:
    """The suspects, best first. `none` is the probability that none of them is the cause."""

    suspects: tuple[Suspect, ...]
    none: float
    is_abstained: bool
    evidence_path: str  # telemetry | alerts | kubernetes
    metrics: tuple[tuple[str, str], ...] = ()  # (component, metric), the most telling first
