"""What is concluded: claims, hypotheses, settlements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from analysis.types.ledger import ChangeFact, Custody, Edge


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
    custody: tuple[Custody, ...]  # of the evidence that the answer was found in
    is_open: bool = False  # something it cites has no answer: more evidence could still turn it

    @property
    def is_tainted(self) -> bool:
        """Outsiders can write what it rests on."""
        return any(custody.is_theirs for custody in self.custody)


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
