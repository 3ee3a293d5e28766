"""What every reasoner is: it proposes from the ledger, may ask for more of it, and never writes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from analysis.reasoning.ledger import Ledger
from analysis.types import HypothesisDraft, IncidentContext, LedgerEntry

RunTool = Callable[[str, Mapping[str, Any]], LedgerEntry]


class ReasonerError(Exception):
    """This reasoner cannot go on; the message says why, and another one may take over."""


@dataclass(frozen=True)
class Proposal:
    """Rival hypotheses, and what it took to find them."""

    drafts: tuple[HypothesisDraft, ...]
    usage: Mapping[str, int] = field(default_factory=dict)


class Reasoner(Protocol):
    name: str
    prompt_version: str
    is_offline: bool

    def propose(self, ctx: IncidentContext, ledger: Ledger, run_tool: RunTool) -> Proposal:
        """Rivals over the ledger; `run_tool` adds to it. Raises `ReasonerError`."""
        ...
