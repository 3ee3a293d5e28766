"""The ledger of evidence: tool runs, and the facts that code computed from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar


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

    @property
    def is_theirs(self) -> bool:
        """Whoever sends requests, or names things, can decide what stands there."""
        return self in {Custody.APP_TEXT, Custody.USER_INFLUENCED}


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
    until: float | None = None  # when it came back to where it was; None while it has not


@dataclass(frozen=True)
class Steady(Fact):
    """A signal of an entity that was looked at and did not shift."""

    kind: ClassVar[str] = "steady"
    entity: str
    signal: str
    level: float
    unit: str = ""


@dataclass(frozen=True)
class Background(Fact):
    """The same look `earlier_s` before the incident: what shifts then as well is no sign of it."""

    kind: ClassVar[str] = "background"
    entity: str
    signal: str
    earlier_s: float
    did_shift: bool
    direction: str = ""
    before: float = 0.0
    during: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class Points(Fact):
    """A signal as numbers, thinned out: Unix seconds and values, None where there is a gap."""

    kind: ClassVar[str] = "points"
    entity: str
    signal: str
    times: tuple[float, ...]
    values: tuple[float | None, ...]
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


@dataclass(frozen=True)
class ClueFact(Fact):
    """One clue of the root-cause engine: what `signal` of an entity says for its being the cause.

    `value` from 0 to 1, comparable between entities; not a probability.
    """

    kind: ClassVar[str] = "clue"
    entity: str
    feature: str  # cpu, slow_impact, failed_impact …
    value: float
    before: float
    during: float
    signal: str = ""


BROKEN = "broken: "  # how a `State.field` begins that a rule found; what follows names the rule

FACTS: dict[str, type[Fact]] = {
    cls.kind: cls
    for cls in (Onset, Steady, Background, Points, ChangeFact, Edge, TemplateSpike, State, ClueFact)
}


def fact_from_json(data: Mapping[str, Any]) -> Fact:
    """The fact a ledger row holds. Raises KeyError on an unknown kind."""
    cls = FACTS[str(data["kind"])]
    known = {f.name for f in fields(cls)}
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k in known})


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
    tool_version: int = 1
    raw_sha256: str = ""  # of the full answer, before anything was cut or hidden
    is_truncated: bool = False  # rows were left off, or the source's own limit cut them


@dataclass(frozen=True)
class LedgerEntry:
    """A stored tool run. `seq` is the number shown as E7."""

    seq: int
    draft: EvidenceDraft
