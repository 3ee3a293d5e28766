"""What an investigation may use: reserved before a call is sent, reconciled after it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from analysis.reasoning.gate.stops import BudgetExhausted
from analysis.types import Estimate, Tokens


@dataclass(frozen=True)
class Ceilings:
    """The most one investigation may use. Zero means no ceiling of that kind."""

    cost_usd: float = 2.0
    turns: int = 30
    tokens: int = 0
    wall_s: float = 480.0


class Budget(Protocol):
    """Shared by everything that spends for one investigation, in this process or in others."""

    def reserve(self, estimate: Estimate) -> str:
        """A ticket for one call. Raises `BudgetExhausted`; then nothing was taken."""
        ...

    def reconcile(self, ticket: str, tokens: Tokens, cost_usd: float, *, is_turn: bool) -> None:
        """Replace what the ticket had reserved by what was used."""
        ...

    def seconds_left(self) -> float: ...


@dataclass
class _Used:
    cost_usd: float = 0.0
    tokens: int = 0
    turns: int = 0


class Purse:
    """A budget in memory, safe between threads. `now` returns seconds of a steady clock."""

    def __init__(self, ceilings: Ceilings, now: Callable[[], float]) -> None:
        self._ceilings, self._now = ceilings, now
        self._until = now() + ceilings.wall_s if ceilings.wall_s else None
        self._used = _Used()
        self._reserved: dict[str, Estimate] = {}
        self._made = 0
        self._lock = threading.Lock()

    @property
    def cost_usd(self) -> float:
        return self._used.cost_usd

    def reserve(self, estimate: Estimate) -> str:
        """A ticket for one call. Raises `BudgetExhausted`; then nothing was taken."""
        with self._lock:
            self._refuse(estimate)
            self._made += 1
            ticket = str(self._made)
            self._reserved[ticket] = estimate
            return ticket

    def _refuse(self, estimate: Estimate) -> None:
        held = self._reserved.values()
        cost = self._used.cost_usd + sum(e.cost_usd for e in held) + estimate.cost_usd
        tokens = self._used.tokens + sum(e.input_tokens + e.output_tokens for e in held)
        tokens += estimate.input_tokens + estimate.output_tokens
        turns = self._used.turns + len(self._reserved) + 1
        ceilings = self._ceilings
        if self.seconds_left() <= 0:
            msg = f"the {ceilings.wall_s:g} s of this investigation are over"
        elif ceilings.turns and turns > ceilings.turns:
            msg = f"the {ceilings.turns} turns of this investigation are taken"
        elif ceilings.cost_usd and cost > ceilings.cost_usd:
            msg = f"this call could pass the ${ceilings.cost_usd:g} of this investigation"
        elif ceilings.tokens and tokens > ceilings.tokens:
            msg = f"this call could pass the {ceilings.tokens} tokens of this investigation"
        else:
            return
        raise BudgetExhausted(msg)

    def reconcile(self, ticket: str, tokens: Tokens, cost_usd: float, *, is_turn: bool) -> None:
        """Replace what the ticket had reserved by what was used."""
        with self._lock:
            self._reserved.pop(ticket)
            self._used.cost_usd += cost_usd
            self._used.tokens += tokens.prompt + tokens.output
            self._used.turns += is_turn

    def seconds_left(self) -> float:
        return float("inf") if self._until is None else self._until - self._now()
