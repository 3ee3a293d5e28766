"""Plain data between the layers of analysis: what sources answer, what engines find and conclude.

Times are Unix seconds (float, UTC) inside engines; databases and templates use aware datetimes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


# --- what sources answer -----------------------------------------------------------------------
@dataclass(frozen=True)
class Series:
    """One time series. `times` ascending; a gap is NaN in `values`, never a zero."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats

    @property
    def key(self) -> str:
        return ",".join(f"{k}={v}" for k, v in sorted(self.labels.items()) if k != "__name__")


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
    """Something somebody did: deploy, config, flag, scale, restart."""

    id: str
    at: float
    kind: str
    service: str
    title: str
    actor: str = ""
    before: str = ""
    after: str = ""
    revision: str = ""


class MetricSource(Protocol):
    def check(self) -> str: ...
    def query_range(
        self, query: str, *, start: float, end: float, step_s: float
    ) -> list[Series]: ...


class LogSource(Protocol):
    def check(self) -> str: ...
    def lines(
        self, *, start: float, end: float, service: str = "", limit: int = 2000
    ) -> list[LogLine]: ...


class TraceSource(Protocol):
    def check(self) -> str: ...
    def services(self) -> list[str]: ...
    def spans(self, service: str, *, start: float, end: float, limit: int = 200) -> list[Span]: ...


class EventSource(Protocol):
    def check(self) -> str: ...
    def changes(self, *, start: float, end: float) -> list[Change]: ...


# --- what perception finds ---------------------------------------------------------------------
class Trouble(StrEnum):
    """What kind of departure an anomaly is, in the words of operators."""

    SPIKE = "spike"
    LEVEL_SHIFT = "level_shift"
    DRIFT = "drift"
    SEASONAL_BREAK = "seasonal_break"
    VARIANCE = "variance"
    FLATLINE = "flatline"
    MISSING = "missing"
    COUNTER_RESET = "counter_reset"
    SATURATION = "saturation"
    BURN_RATE = "burn_rate"
    FORECAST_BREACH = "forecast_breach"
    NEW_TEMPLATE = "new_template"
    TEMPLATE_SURGE = "template_surge"
    EDGE_GAP = "edge_gap"
    EDGE_ERRORS = "edge_errors"
    EDGE_LATENCY = "edge_latency"
    VANISHED_CALLS = "vanished_calls"

    @property
    def label(self) -> str:
        return _TROUBLE_LABELS.get(self, self.value.replace("_", " "))


_TROUBLE_LABELS = {
    Trouble.SEASONAL_BREAK: "unusual for the time",
    Trouble.VARIANCE: "restless",
    Trouble.MISSING: "no data",
    Trouble.SATURATION: "close to its limit",
    Trouble.BURN_RATE: "error budget burning",
    Trouble.FORECAST_BREACH: "about to reach its limit",
    Trouble.NEW_TEMPLATE: "new log message",
    Trouble.TEMPLATE_SURGE: "surge of a log message",
    Trouble.EDGE_GAP: "network delay",
    Trouble.EDGE_ERRORS: "failing calls",
    Trouble.EDGE_LATENCY: "slow calls",
}


@dataclass(frozen=True)
class AnomalyFinding:
    """A stretch of one series outside its band that reaches the newest point."""

    series: Series
    direction: str  # up | down
    started_at: float
    last_at: float
    value: float
    expected: float
    low: float
    high: float
    score: float  # deviations from expected


@dataclass(frozen=True)
class Band:
    """The expected range of a series, point by point, same length as the series."""

    expected: Floats
    low: Floats
    high: Floats


# --- the ledger --------------------------------------------------------------------------------
class EvidenceStatus(StrEnum):
    OK = "ok"
    EMPTY = "empty"  # the source answered: there is nothing
    NO_DATA = "no_data"  # the source has no samples: says nothing about health
    PARTIAL = "partial"
    ERROR = "error"
    DENIED = "denied"


class Custody(StrEnum):
    PLATFORM_API = "platform_api"
    CHANGE_SYSTEM = "change_system"
    APP_METRIC = "app_metric"
    TRACE = "trace"
    APP_TEXT = "app_text"
    USER_INFLUENCED = "user_influenced"
    HUMAN_GUIDANCE = "human_guidance"


@dataclass(frozen=True)
class Fact:
    """Base of what code computed from a tool run. `kind` is the tag in JSON."""

    kind: ClassVar[str] = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Onset(Fact):
    """A signal of an entity shifted: when (± error_s), which way, from what to what."""

    kind: ClassVar[str] = "onset"
    entity: str
    signal: str  # a Detector.Signal value, or a finer name such as "pool"
    at: float
    error_s: float
    direction: str
    magnitude: float  # robust deviations
    before: float
    during: float
    unit: str = ""
    query: str = ""


@dataclass(frozen=True)
class Steady(Fact):
    """A signal of an entity that was looked at and did not shift."""

    kind: ClassVar[str] = "steady"
    entity: str
    signal: str
    level: float
    unit: str = ""


@dataclass(frozen=True)
class ChangeFact(Fact):
    kind: ClassVar[str] = "change"
    id: str
    entity: str
    at: float
    change: str  # deploy | config | flag | scale | restart
    title: str
    actor: str = ""
    before: str = ""
    after: str = ""
    revision: str = ""


@dataclass(frozen=True)
class Edge(Fact):
    """`src` calls `dst`; latencies and error shares before and during, where traces tell."""

    kind: ClassVar[str] = "edge"
    src: str
    dst: str
    source: str
    last_seen: float
    calls_before: int = 0
    calls_during: int = 0
    error_share_before: float = 0.0
    error_share_during: float = 0.0
    latency_before_s: float = 0.0
    latency_during_s: float = 0.0
    self_before_s: float = 0.0  # dst's own time: server span minus its client children
    self_during_s: float = 0.0


@dataclass(frozen=True)
class TemplateSpike(Fact):
    kind: ClassVar[str] = "template"
    entity: str
    template: str
    level: str
    count: int
    baseline: float  # expected count in a window of the same length
    first_seen: float
    is_new: bool


@dataclass(frozen=True)
class State(Fact):
    """A field of an entity as the platform reports it, e.g. restarts=4, replicas_ready=0."""

    kind: ClassVar[str] = "state"
    entity: str
    field: str
    value: str
    at: float


FACTS: dict[str, type[Fact]] = {
    cls.kind: cls for cls in (Onset, Steady, ChangeFact, Edge, TemplateSpike, State)
}


def fact_from_json(data: Mapping[str, Any]) -> Fact:
    """The fact a ledger row holds. Raises KeyError on an unknown kind."""
    cls = FACTS[str(data["kind"])]
    known = {f.name for f in fields(cls)}
    return cls(**{k: v for k, v in data.items() if k in known})


@dataclass(frozen=True)
class EvidenceDraft:
    """One tool run, before the ledger numbers and chains it."""

    tool: str
    arguments: Mapping[str, Any]
    source: str  # connector name, or "topology"
    native_query: str
    window: tuple[float, float]
    status: EvidenceStatus
    coverage: float
    summary: str
    custody: Custody
    facts: Sequence[Fact] = ()
    view: str = ""
    duration_ms: int = 0


@dataclass(frozen=True)
class LedgerEntry:
    """A stored tool run. `seq` is the number shown as E7."""

    seq: int
    draft: EvidenceDraft


# --- conclusions -------------------------------------------------------------------------------
class Mechanism(StrEnum):
    CHANGE = "change"
    CONFIG = "config"
    SATURATION = "saturation"
    LEAK = "leak"
    DEPENDENCY = "dependency"
    NETWORK = "network"
    DB_LOCK = "db_lock"
    EXPIRY = "expiry"
    TRAFFIC = "traffic"
    NODE = "node"
    JOB = "job"
    EXTERNAL = "external"
    UNKNOWN = "unknown"


class ClaimVerdict(StrEnum):
    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKABLE = "uncheckable"


class Weight(StrEnum):
    DECISIVE = "decisive"
    STRONG = "strong"
    WEAK = "weak"


class HypothesisState(StrEnum):
    PROPOSED = "proposed"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"


class Outcome(StrEnum):
    ROOT_CAUSE_IDENTIFIED = "root_cause_identified"
    BEST_EFFORT = "best_effort"
    INCONCLUSIVE = "inconclusive"
    BLOCKED = "blocked"
    COULD_NOT_INVESTIGATE = "could_not_investigate"


@dataclass(frozen=True)
class ClaimDraft:
    """What a reasoner asserts; `evidence` are ledger numbers. Without one it does not exist."""

    kind: str
    statement: str
    evidence: tuple[int, ...]
    operands: Mapping[str, Any] = field(default_factory=dict)
    is_for: bool = True


@dataclass(frozen=True)
class CheckedClaim:
    draft: ClaimDraft
    verdict: ClaimVerdict
    weight: Weight
    explanation: str
    sources: tuple[str, ...]  # of the cited evidence: ten views of one source count once
    custody: tuple[Custody, ...]


@dataclass(frozen=True)
class HypothesisDraft:
    entity: str
    mechanism: Mechanism
    signal: str  # what shows it: errors, latency, cpu, memory, disk, pool, queue, restarts …
    statement: str
    origin: str  # offline | model | human
    claims: tuple[ClaimDraft, ...]
    path: tuple[str, ...] = ()  # from the cause to the symptom, ends at the incident's service
    trigger: ChangeFact | None = None
    predictions: tuple[str, ...] = ()
    score: float = 0.0  # the reasoner's own ordering among rivals, log-odds


@dataclass(frozen=True)
class SettledHypothesis:
    draft: HypothesisDraft
    claims: tuple[CheckedClaim, ...]
    state: HypothesisState
    confidence: float
    caps: tuple[str, ...]
    is_tainted: bool


@dataclass(frozen=True)
class Settlement:
    outcome: Outcome
    hypotheses: tuple[SettledHypothesis, ...]  # ranked, best first
    summary: str
    open_questions: tuple[str, ...]


@dataclass(frozen=True)
class IncidentContext:
    """What a reasoner is told of the incident. `service` is where the symptom was seen."""

    key: str
    title: str
    service: str
    severity: str
    started_at: float
    now: float
    services: tuple[str, ...]
    edges: tuple[Edge, ...]

    def callers_of(self, service: str) -> list[str]:
        return [e.src for e in self.edges if e.dst == service]

    def callees_of(self, service: str) -> list[str]:
        return [e.dst for e in self.edges if e.src == service]

    def with_edges(self, edges: Sequence[Edge]) -> Self:
        return type(self)(**{**self.__dict__, "edges": tuple(edges)})
