"""What an executor is: the only kind of code that changes production. Django-free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from remediation.types import ActionRequest, Applied, Fidelity, PlannedAction, Probe

# An attempt is signed with the time of its intent. A target refuses older signatures, so that an
# attempt that was held up cannot land once this time, and the handling of the call, have passed.
CREDENTIAL_LIFE_S = 300.0


class ExecutorError(Exception):
    """A read or a dry run failed. Nothing has changed; the message is fit for the timeline."""


class UnknownService(ExecutorError):
    """This endpoint does not know the service."""


class NothingToActOn(ExecutorError):
    """The selector resolves to no target, or to more than the action may touch."""


@dataclass(frozen=True)
class Guarantees:
    """What an executor promises. Policy reads it; the contract suite proves every line of it."""

    fidelity: Fidelity  # of its dry run
    has_probe: bool  # it can tell applied from absent by looking, without an answer to the attempt
    has_precondition: bool  # the target itself refuses another version than the planned one
    is_idempotent: bool  # a second apply with the same key does nothing
    credential_life_s: float  # from the intent: after that long no attempt can land any more
    actions: frozenset[str]  # keys of the catalogue that it can do
    undoes: frozenset[str]  # those of them it can undo exactly


@dataclass(frozen=True)
class Offer:
    """An action that the target's present state suggests, with parameters only it can know.

    The parameters pass the catalogue like anybody's. `reason` is numbers and names, no free text.
    """

    action: str
    params: Mapping[str, Any]
    reason: str


@dataclass(frozen=True)
class ServiceDescription:
    """A service as its endpoint reports it now."""

    name: str
    replicas: int  # wanted
    revision: str
    version: str  # of the whole object: moves with every change
    flags: Mapping[str, bool] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()  # that are possible on it here
    owner: str = ""  # who else writes it, see `PlannedAction.owner`
    offers: tuple[Offer, ...] = ()  # first the one it would try first


@dataclass(frozen=True)
class Connection:
    """How to reach an endpoint. `options` are checked by the kind's own `Options`."""

    url: str
    secret: str
    timeout_s: float  # bounds each phase of one call
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """One try, fixed when the intent is written. Times in Unix seconds."""

    key: str
    fence: int
    issued_at: float
    deadline: float  # nothing is sent at or after this


@dataclass(frozen=True)
class Effect:
    """What is known after a try. `moved` means refused because the target had changed."""

    applied: Applied
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    moved: bool = False


class Executor(Protocol):
    """One endpoint. A call reads or dry-runs, except `apply`; no call repeats a change."""

    @property
    def guarantees(self) -> Guarantees: ...

    def describe(self, service: str) -> ServiceDescription:
        """The service as it is. Raises `UnknownService` or `ExecutorError`."""
        ...

    def resolve(self, request: ActionRequest) -> tuple[str, ...]:
        """The targets of a request, canary first: 1 to n, or ("",) where the service is the target.

        Raises `NothingToActOn` for none and for more than the request may touch.
        """
        ...

    def plan(self, request: ActionRequest) -> PlannedAction:
        """The dry run on `request.target`; changes nothing. Raises `ExecutorError`."""
        ...

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        """Try once, never twice. Never raises for what the network or the target does."""
        ...

    def probe(self, planned: PlannedAction, attempt: Attempt) -> tuple[Probe, Mapping[str, Any]]:
        """Read only: did this attempt happen? With the target's answer, if any. Never raises."""
        ...
