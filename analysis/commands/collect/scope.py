"""Where and since when the tools of one investigation look."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from analysis.connectors.base import ConnectorError, Problem
from analysis.models import Connector
from analysis.queries.sources import enabled_connectors
from analysis.types import IncidentContext
from incidents.models import Workspace

BEFORE_S = 600.0  # of logs and traces to compare with
DURING_S = 600.0  # of the incident's beginning that logs and traces are read of
MARGIN_S = 30.0  # the trouble began somewhat before anything alarmed
T = TypeVar("T")


@dataclass(frozen=True)
class Scope:
    """Times in Unix seconds. `split` parts before from during; `end` is where reading stops."""

    workspace: Workspace
    ctx: IncidentContext

    @property
    def split(self) -> float:
        return self.ctx.started_at - MARGIN_S

    @property
    def end(self) -> float:
        return min(self.ctx.now, self.ctx.started_at + DURING_S)

    def when(self, at: float) -> str:
        """Seconds relative to the incident's start: what a reader orders by."""
        return f"t{at - self.ctx.started_at:+.0f}s"

    def connectors(self, *kinds: str) -> list[Connector]:
        """Those that are switched on, first choice first. Raises `ConnectorError` without any."""
        found = enabled_connectors(self.workspace, *kinds)
        if not found:
            msg = f"no {' or '.join(kinds)} connector is switched on"
            raise ConnectorError(Problem.REJECTED, msg)
        return found

    def connector(self, *kinds: str) -> Connector:
        return self.connectors(*kinds)[0]


def read_all(
    connectors: Sequence[Connector], read: Callable[[Connector], list[T]]
) -> tuple[list[T], list[str], list[Connector]]:
    """What all of them hold, what went wrong, and which of them answered.

    Raises the first `ConnectorError` when none did.
    """
    found: list[T] = []
    answered: list[Connector] = []
    errors: list[tuple[Connector, ConnectorError]] = []
    for connector in connectors:
        try:
            found += read(connector)
            answered.append(connector)
        except ConnectorError as error:
            errors.append((connector, error))
    if not answered:
        raise errors[0][1]
    return found, [f"{connector.name}: {error}" for connector, error in errors], answered
