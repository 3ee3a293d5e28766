"""What a rule says: an object, the two facts that were joined, the fault, and how sure it is."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from analysis.reasoning.kubernetes.model import Ref, Snapshot

CAUSE = 1.0  # two facts that contradict each other: what was configured cannot work
STATE = 0.75  # a state of trouble, confirmed by a second fact; why may lie elsewhere
UNFELT = 0.6  # a contradiction that nobody seems to suffer from: it may have stood there for long
SYMPTOM = 0.45  # trouble that something else may have brought
HINT = 0.2  # only counted


class Fault(StrEnum):
    """Types of fault, in the words of the Kubernetes documentation. One table: `rules/`."""

    CRASH_LOOP = "crash_loop"
    OOM = "oom"
    IMAGE = "image"
    COMMAND = "command"
    CONFIG = "config"
    SECRET = "secret"  # noqa: S105 - the name of a fault, no password
    SCHEDULING = "scheduling"
    NODE = "node"
    CONTROL_PLANE = "control_plane"
    DNS = "dns"
    NETWORK = "network"
    NETWORK_POLICY = "network_policy"
    QUOTA = "quota"
    ADMISSION = "admission"
    STORAGE = "storage"
    PROBE = "probe"
    ROUTING = "routing"
    SCALING = "scaling"
    ROLLOUT = "rollout"
    EVICTION = "eviction"
    ACCESS = "access"
    DATABASE = "database"
    JOB = "job"
    CPU = "cpu"
    CERTIFICATE = "certificate"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Hit:
    """One object a rule fires on. `about` leads from what is at fault to what it hurts."""

    about: tuple[Ref, ...]
    facts: tuple[str, str]
    summary: str
    strength: float | None = None  # where it is not the rule's own


@dataclass(frozen=True)
class Finding:
    rule: str
    fault: Fault
    about: tuple[Ref, ...]
    facts: tuple[str, str]
    summary: str
    strength: float

    @property
    def object(self) -> Ref:
        return self.about[0]


@dataclass(frozen=True)
class Rule:
    """`page` is the title of the page of the Kubernetes documentation it was written from."""

    name: str
    fault: Fault
    page: str
    strength: float
    check: Callable[[Snapshot], Iterator[Hit]]

    @property
    def text(self) -> str:
        return inspect.cleandoc(self.check.__doc__ or "")

    def findings(self, snapshot: Snapshot) -> list[Finding]:
        return [
            Finding(
                rule=self.name,
                fault=self.fault,
                about=hit.about,
                facts=(hit.facts[0][:500], hit.facts[1][:500]),
                summary=hit.summary[:300],
                strength=self.strength if hit.strength is None else hit.strength,
            )
            for hit in self.check(snapshot)
        ]


def rule(
    fault: Fault, page: str, strength: float = CAUSE
) -> Callable[[Callable[[Snapshot], Iterator[Hit]]], Rule]:
    """Make a rule of a generator of hits; its name is the function's, its text the docstring."""

    def made(check: Callable[[Snapshot], Iterator[Hit]]) -> Rule:
        return Rule(check.__name__, fault, page, strength, check)

    return made


def best(findings: Sequence[Finding]) -> list[Finding]:
    """One finding for each rule and object, the strongest first."""
    found: dict[tuple[str, Ref], Finding] = {}
    for finding in findings:
        key = finding.rule, finding.object
        if key not in found or finding.strength > found[key].strength:
            found[key] = finding
    return sorted(found.values(), key=lambda f: (-f.strength, f.rule, str(f.object)))
