"""What sources answer: series, lines, spans and changes. Times are Unix seconds (UTC)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def series_key(labels: Mapping[str, str]) -> str:
    """What tells one series of a query from another, as text."""
    return ",".join(f"{k}={v}" for k, v in sorted(labels.items()) if k != "__name__")


@dataclass(frozen=True)
class Series:
    """One time series. `times` ascending; a gap is NaN in `values`, never a zero."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats

    @property
    def key(self) -> str:
        return series_key(self.labels)


@dataclass(frozen=True)
class Frame:
    """Many series on one grid: `values[s, t]` belongs to `labels[s]` and `times[t]`; gaps are NaN.

    `is_partial` says that the source answered without some of its parts: what is missing here
    may exist there, so absence proves nothing. `warnings` are the source's own words.
    """

    labels: Sequence[Mapping[str, str]]
    times: Floats
    values: Floats
    warnings: tuple[str, ...] = ()
    is_partial: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def series(self) -> list[Series]:
        """One view a row; nothing is copied."""
        rows = zip(self.labels, self.values, strict=True)
        return [Series(labels=labels, times=self.times, values=row) for labels, row in rows]


@dataclass(frozen=True)
class LogLine:
    at: float
    service: str
    instance: str
    level: str
    message: str
    trace_id: str = ""


@dataclass(frozen=True)
class Span:
    trace_id: str
    span_id: str
    parent_id: str
    service: str
    operation: str
    kind: str  # client | server | internal
    start: float
    duration_s: float
    is_error: bool
    peer: str = ""


@dataclass(frozen=True)
class Change:
    """Something somebody did: deploy, config, flag, scale, restart.

    Platforms also tell what they did by themselves (crash, eviction, node): news, not a cause.
    """

    id: str
    at: float
    kind: str
    service: str
    title: str
    actor: str = ""
    before: str = ""
    after: str = ""
    revision: str = ""


@dataclass(frozen=True)
class PlatformObject:
    """A workload, pod or node as the platform reports it. `problem` is its own word for trouble."""

    kind: str  # Deployment | StatefulSet | DaemonSet | ReplicaSet | Pod | Node
    name: str
    namespace: str
    service: str
    created_at: float
    images: tuple[str, ...] = ()
    desired: int = 0
    ready: int = 0
    restarts: int = 0
    node: str = ""
    problem: str = ""


@dataclass(frozen=True)
class PlatformEvent:
    """What the platform noted about one of its objects; `count` times until `at`."""

    id: str
    at: float
    kind: str
    name: str
    namespace: str
    service: str
    reason: str
    message: str
    is_warning: bool
    count: int = 1


@dataclass(frozen=True)
class Inventory:
    """What a platform holds at one moment, in the shape of its API, and what it noted.

    `listed` are the kinds that were read whole, so that what is not among `items` is not there;
    `refused` those that this account may not list or that the cluster does not know.
    """

    objects: Sequence[PlatformObject]
    items: Sequence[Mapping[str, Any]]  # each with its kind
    events: Sequence[Mapping[str, Any]]
    listed: frozenset[str]
    refused: tuple[str, ...] = ()


@runtime_checkable
class MetricSource(Protocol):
    """`query_frame` for many series at once, `query` for their newest value only."""

    def check(self) -> str: ...
    def query(self, query: str, *, at: float) -> Frame: ...
    def query_frame(self, query: str, *, start: float, end: float, step_s: float) -> Frame: ...
    def query_range(
        self, query: str, *, start: float, end: float, step_s: float
    ) -> list[Series]: ...


@runtime_checkable
class LogSource(Protocol):
    def check(self) -> str: ...
    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]: ...


@runtime_checkable
class TraceSource(Protocol):
    def check(self) -> str: ...
    def services(self) -> list[str]: ...
    def spans(self, service: str, *, start: float, end: float, limit: int = 200) -> list[Span]: ...


@runtime_checkable
class EventSource(Protocol):
    def check(self) -> str: ...
    def changes(self, *, start: float, end: float) -> list[Change]: ...


@runtime_checkable
class PlatformSource(Protocol):
    """What runs the services: its changes, and what it holds and has noted."""

    def check(self) -> str: ...
    def changes(self, *, start: float, end: float) -> list[Change]: ...
    def inventory(self) -> Inventory: ...
    def events(self, *, start: float, end: float) -> list[PlatformEvent]: ...
