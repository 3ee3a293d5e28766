"""What a reasoner without a model is, and who is asked in an investigation."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from analysis.reasoning.gate import Gate
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.breaker import Breakers
from analysis.reasoning.talk import Model
from analysis.types import HypothesisDraft, IncidentContext

_BREAKERS = Breakers(time.monotonic)  # of this process


@dataclass(frozen=True)
class Proposal:
    """Rival hypotheses, best first."""

    drafts: tuple[HypothesisDraft, ...]


class Reasoner(Protocol):
    """Proposes from the ledger; never fails, never writes."""

    def propose(self, ctx: IncidentContext, ledger: Ledger) -> Proposal: ...


@dataclass(frozen=True)
class Reasoners:
    """Who may be asked: models in their order, and the one that needs no model, always there."""

    offline: Reasoner
    models: Sequence[Model] = ()
    gate: Gate = field(default_factory=Gate)  # the one that the clients of the models go through
    breakers: Breakers = _BREAKERS
