"""Plain data between the layers of remediation."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from airra.lib.quantities import quantity


class ExecutionState(StrEnum):
    APPROVED = "approved"
    INTENT = "intent"  # claimed: the effect may happen from now on
    UNKNOWN = "unknown"  # sent, or died while sending: nobody knows until a probe tells
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    DEVIATED = "deviated"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"  # the effect certainly did not happen
    STALE = "stale"  # the world moved since the approval
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNDONE = "undone"


# States in which an execution holds its target: one at a time (also a database constraint).
HOLDS_TARGET = (ExecutionState.INTENT, ExecutionState.UNKNOWN, ExecutionState.VERIFYING)


class ExecutorKind(StrEnum):
    """Which kind of target an endpoint speaks to."""

    WEBHOOK = "webhook"
    KUBERNETES = "kubernetes"
    DOCKER = "docker"  # and Podman, which speaks the same API
    SYSTEMD = "systemd"  # over SSH with a forced command
    POSTGRES = "postgres"
    HAPROXY = "haproxy"
    SCRIPT = "script"


class Fidelity(StrEnum):
    """Whose word a dry run is."""

    SERVER = "server"  # the target itself said what it would change
    SIMULATED = "simulated"  # worked out from what the target says of itself
    DESCRIBED = "described"  # a sentence: nobody asked the target


class Mode(StrEnum):
    DRY_RUN = "dry_run"
    LIVE = "live"


class Factor(StrEnum):
    """How sure it is that a decision comes from the person it names."""

    SESSION = "session"  # signed in
    STEP_UP = "step_up"  # signed in, and the password again within five minutes
    TOKEN = "token"  # noqa: S105 - a bearer token of the API: whoever holds it


class Reversibility(StrEnum):
    EXACT_UNDO = "exact_undo"
    SELF_HEALING = "self_healing"
    COMPENSABLE = "compensable"
    IRREVERSIBLE = "irreversible"


class RiskBand(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    EXTREME = "extreme"


UNTAINTED = "untainted evidence"  # the check of policy that asks who could have written it


class Decision(StrEnum):
    """What policy says. Ordered: a guard may only move it down this list."""

    ONE = "one"  # one approver
    TWO = "two"  # two distinct approvers
    ESCALATE = "escalate"  # a person must act outside AIRRA


class Verdict(StrEnum):
    MATCH = "match"
    PARTIAL = "partial"
    DEVIATION = "deviation"
    INCONCLUSIVE = "inconclusive"


class Applied(StrEnum):
    """What an executor knows after it tried."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"


class Probe(StrEnum):
    APPLIED = "applied"
    ABSENT = "absent"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True)
class Clamp:
    """A parameter that was asked for above its bound and lowered to it."""

    param: str
    asked: float
    allowed: float

    def sentence(self) -> str:
        return f"{self.param} lowered from {self.asked:g} to {self.allowed:g}, the most allowed"


@dataclass(frozen=True)
class ActionRequest:
    """A catalogue action with parameters, aimed at one target."""

    action: str  # a key of the catalogue
    service: str
    params: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""  # one of what `Executor.resolve` found; empty: the service itself
    # How the parameters came to be these; they are what is approved, so not part of the hash.
    clamped: tuple[Clamp, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Check:
    """One pre-check of an executor: what it looked at and whether it is content."""

    name: str
    ok: bool
    detail: str = ""
    is_fatal: bool = True  # not content: refused; otherwise it asks for a second person


@dataclass(frozen=True)
class PlannedAction:
    """What the target itself said it would do; nothing has changed yet."""

    request: ActionRequest
    target_id: str
    target_version: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    effects: tuple[str, ...]
    reversibility: Reversibility
    undo: ActionRequest | None
    fidelity: str  # a Fidelity
    checks: tuple[Check, ...] = ()  # as of this dry run; not part of what is approved
    owner: str = ""  # who else writes this: argocd, flux, hpa, keda, compose; empty: nobody known


@dataclass(frozen=True)
class Schedule:
    """When a metric is sampled after an effect, and how much of what ends it: Argo's AnalysisRun.

    Failed is a sample beyond the limit of harm, unclear one that is neither well nor failed.
    """

    initial_delay_s: float = 30.0  # from the effect: what heals by then does not count
    interval_s: float = 10.0
    count: int = 24  # so many samples and it is over, if time is not up before
    failure_run: int = 3  # so many failed in a row are harm
    failure_limit: int = 5  # and so is one more than this in all
    inconclusive_limit: int = 4  # with more unclear ones than this a guard is not content
    error_limit: int = 12  # more in a row without data than this: nobody can tell


@dataclass(frozen=True)
class Watched:
    """One more metric of a prediction: a guard, which must not get worse, or an untouched peer."""

    name: str  # of its detector
    query: str
    connector_id: str
    service: str
    service_label: str
    signal: str
    direction: str  # the bad direction: up | down
    level_before: float  # at plan time
    margin: float  # so much worse than before is harm
    unit: str = ""
    schedule: Schedule = Schedule()

    @property
    def key(self) -> str:
        """Names its readings; two metrics of one prediction never share it."""
        return f"{self.name} of {self.service}"


@dataclass(frozen=True)
class Prediction:
    """Written before the action, judged by code after it."""

    query: str  # of the metric that alerted
    connector_id: str
    service: str
    service_label: str
    signal: str
    direction: str  # the bad direction: up | down
    threshold: float  # recovered when on the good side of this
    level_before: float  # at plan time: worse than this by a margin is a deviation
    unit: str = ""
    within_s: int = 180
    hold_points: int = 4
    schedule: Schedule = Schedule()
    guards: tuple[Watched, ...] = ()  # of the target and of what calls it
    peers: tuple[Watched, ...] = ()  # the same metric of services the action does not reach

    def sentence(self) -> str:
        word = "below" if self.direction == "up" else "above"
        return (
            f"{self.signal} of {self.service} goes {word} {quantity(self.threshold, self.unit)} "
            f"within {self.within_s} s and stays there"
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Prediction":
        """What `asdict` stored; fields of another version are left out."""
        told = _known(cls, stored)
        for name in ("guards", "peers"):
            told[name] = tuple(_watched(row) for row in stored.get(name, ()))
        return cls(**_with_schedule(told))


def _known(kind: type[Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(kind)}
    return {name: value for name, value in stored.items() if name in names}


def _watched(stored: Mapping[str, Any]) -> Watched:
    return Watched(**_with_schedule(_known(Watched, stored)))


def _with_schedule(told: dict[str, Any]) -> dict[str, Any]:
    return {**told, "schedule": Schedule(**_known(Schedule, told.get("schedule", {})))}


@dataclass(frozen=True)
class Risk:
    score: float
    band: RiskBand
    factors: tuple[tuple[str, float, str], ...]  # name, factor >= 1, reason


def canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)


@dataclass(frozen=True)
class PlannedStep:
    """One action on 1 to n targets, the canary first, as it was dry-run; and what will prove it."""

    endpoint: str  # its id
    action_version: int
    targets: tuple[PlannedAction, ...]
    prediction: Prediction


def _approved(planned: PlannedAction) -> dict[str, Any]:
    approved = {name: value for name, value in asdict(planned).items() if name != "checks"}
    for name in ("request", "undo"):
        if approved[name]:
            approved[name].pop("clamped")
    return approved


def plan_hash(
    *,
    action_version: int,
    planned: PlannedAction,
    prediction: Prediction,
    policy_version: int,
    steps: Sequence[PlannedStep] = (),
) -> str:
    """What is approved: change any part of any step and the approval is void."""
    body: dict[str, Any] = {
        "action_version": action_version,
        "planned": _approved(planned),
        "prediction": asdict(prediction),
        "policy_version": policy_version,
        "steps": [
            {
                "endpoint": step.endpoint,
                "action_version": step.action_version,
                "targets": [_approved(target) for target in step.targets],
                "prediction": asdict(step.prediction),
            }
            for step in steps
        ],
    }
    return hashlib.sha256(canonical(body).encode()).hexdigest()
