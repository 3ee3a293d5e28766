"""What an executor is: the only kind of code that changes production. Django-free."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from remediation.types import ActionRequest, Applied, PlannedAction, Probe

# An attempt is signed with the time of its intent. A target refuses older signatures, so that an
# attempt that was held up cannot land once this time, and the handling of the call, have passed.
CREDENTIAL_LIFE_S = 300.0


class ExecutorError(Exception):
    """A read or a dry run failed. Nothing has changed; the message is fit for the timeline."""


class UnknownService(ExecutorError):
    """This endpoint does not know the service."""


@dataclass(frozen=True)
class ServiceDescription:
    """A service as its endpoint reports it now."""

    name: str
    replicas: int  # wanted
    revision: str
    version: str  # of the whole object: moves with every change
    flags: Mapping[str, bool] = field(default_factory=dict)


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
    def describe(self, service: str) -> ServiceDescription:
        """The service as it is. Raises `UnknownService` or `ExecutorError`."""
        ...

    def plan(self, request: ActionRequest) -> PlannedAction:
        """The target's own dry run; changes nothing. Raises `ExecutorError`."""
        ...

    def apply(self, planned: PlannedAction, attempt: Attempt) -> Effect:
        """Try once, never twice. Never raises for what the network or the target does."""
        ...

    def probe(self, key: str) -> tuple[Probe, Mapping[str, Any]]:
        """Read only: did the attempt with this key happen? With the target's answer, if any."""
        ...
