"""Budgets of models as rows: reserved below the ceiling before a call is sent, reconciled after.

Two rows bound each call: the investigation's and the day's of the workspace. A reservation is one
UPDATE that succeeds only while the sum stays below the ceiling, so parallel workers cannot pass it
together; what a call can use beyond its reservation is what its vendor tells afterwards.
"""

import math
from dataclasses import dataclass

from django.conf import settings
from django.db.models import F, Q

from airra.lib import clock
from analysis.models import Investigation, ModelSpend
from analysis.reasoning.gate import BudgetExhausted, Ceilings
from analysis.types import Estimate, Tokens
from incidents.models import Workspace

MICRO = 1_000_000
_TRIAL_S = 60.0


def ceilings() -> Ceilings:
    """What one investigation may use."""
    return Ceilings(
        cost_usd=settings.MODEL_BUDGET_USD,
        turns=settings.MODEL_MAX_TURNS,
        tokens=settings.MODEL_MAX_TOKENS,
        wall_s=settings.MODEL_WALL_S,
    )


@dataclass(frozen=True)
class _Held:
    """What a ticket has reserved, and where."""

    microusd: int
    tokens: int
    rows: tuple[str, ...]

    @property
    def ticket(self) -> str:
        return " ".join((str(self.microusd), str(self.tokens), *self.rows))

    @classmethod
    def of(cls, ticket: str) -> "_Held":
        microusd, tokens, *rows = ticket.split()
        return cls(int(microusd), int(tokens), tuple(rows))


class Spend:
    """The budget of one investigation, shared with every other worker through its rows."""

    def __init__(self, investigation: Investigation) -> None:
        began = investigation.started_at or clock.now()
        self._workspace = investigation.incident.workspace
        self._key = str(investigation.pk)
        self._limits = ceilings()
        self._until = began.timestamp() + self._limits.wall_s

    def reserve(self, estimate: Estimate) -> str:
        """A ticket for one call. Raises `BudgetExhausted`; then nothing was taken."""
        held = _Held(
            math.ceil(estimate.cost_usd * MICRO), estimate.input_tokens + estimate.output_tokens, ()
        )
        own = self._row(ModelSpend.Scope.INVESTIGATION, self._key)
        if self.seconds_left() <= 0:
            _refuse(own, f"the {self._limits.wall_s:g} s of this investigation are over")
        limits = self._limits
        if not _take(own, held, limits.cost_usd, turns=limits.turns, tokens=limits.tokens):
            _refuse(own, _why(own, held, limits))
        day = self._row(ModelSpend.Scope.DAY, clock.now().date().isoformat())
        if not _take(day, held, settings.MODEL_DAY_BUDGET_USD):
            _settle(str(own.pk), held, Tokens(), 0, is_turn=False)
            _refuse(day, f"this call could pass the ${settings.MODEL_DAY_BUDGET_USD:g} of today")
        return _Held(held.microusd, held.tokens, (str(own.pk), str(day.pk))).ticket

    def reconcile(self, ticket: str, tokens: Tokens, cost_usd: float, *, is_turn: bool) -> None:
        """Replace what the ticket had reserved by what was used."""
        held = _Held.of(ticket)
        for row in held.rows:
            _settle(row, held, tokens, math.ceil(cost_usd * MICRO), is_turn=is_turn)

    def seconds_left(self) -> float:
        return self._until - clock.now().timestamp()

    def _row(self, scope: str, key: str) -> ModelSpend:
        row, _ = ModelSpend.objects.get_or_create(workspace=self._workspace, scope=scope, key=key)
        return row


class DaySpend:
    """The budget of what belongs to no investigation: the day's alone, and a minute for it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._until = clock.now().timestamp() + _TRIAL_S

    def reserve(self, estimate: Estimate) -> str:
        """A ticket for one call. Raises `BudgetExhausted`; then nothing was taken."""
        tokens = estimate.input_tokens + estimate.output_tokens
        held = _Held(math.ceil(estimate.cost_usd * MICRO), tokens, ())
        day, _ = ModelSpend.objects.get_or_create(
            workspace=self._workspace,
            scope=ModelSpend.Scope.DAY,
            key=clock.now().date().isoformat(),
        )
        if not _take(day, held, settings.MODEL_DAY_BUDGET_USD):
            _refuse(day, f"this call could pass the ${settings.MODEL_DAY_BUDGET_USD:g} of today")
        return _Held(held.microusd, held.tokens, (str(day.pk),)).ticket

    def reconcile(self, ticket: str, tokens: Tokens, cost_usd: float, *, is_turn: bool) -> None:
        """Replace what the ticket had reserved by what was used."""
        held = _Held.of(ticket)
        for row in held.rows:
            _settle(row, held, tokens, math.ceil(cost_usd * MICRO), is_turn=is_turn)

    def seconds_left(self) -> float:
        return self._until - clock.now().timestamp()


def _take(
    row: ModelSpend, held: _Held, cost_usd: float, *, turns: int = 0, tokens: int = 0
) -> bool:
    """One compare-and-set: below every ceiling, or not at all. A ceiling of 0 is none."""
    fits = Q(pk=row.pk)
    if cost_usd:
        most = math.floor(cost_usd * MICRO) - held.microusd
        fits &= Q(used_microusd__lte=most - F("reserved_microusd"))
    if turns:
        fits &= Q(turns__lt=turns - F("open_turns"))
    if tokens:
        fits &= Q(tokens__lte=tokens - held.tokens - F("reserved_tokens"))
    taken = ModelSpend.objects.filter(fits).update(
        reserved_microusd=F("reserved_microusd") + held.microusd,
        reserved_tokens=F("reserved_tokens") + held.tokens,
        open_turns=F("open_turns") + 1,
    )
    return taken == 1


def _settle(pk: str, held: _Held, tokens: Tokens, microusd: int, *, is_turn: bool) -> None:
    ModelSpend.objects.filter(pk=pk).update(
        reserved_microusd=F("reserved_microusd") - held.microusd,
        reserved_tokens=F("reserved_tokens") - held.tokens,
        open_turns=F("open_turns") - 1,
        used_microusd=F("used_microusd") + microusd,
        tokens=F("tokens") + tokens.prompt + tokens.output,
        turns=F("turns") + int(is_turn),
    )


def _refuse(row: ModelSpend, reason: str) -> None:
    ModelSpend.objects.filter(pk=row.pk).update(refused=F("refused") + 1)
    raise BudgetExhausted(reason)


def _why(row: ModelSpend, held: _Held, limits: Ceilings) -> str:
    row.refresh_from_db()
    if limits.turns and row.turns + row.open_turns >= limits.turns:
        return f"the {limits.turns} turns of this investigation are taken"
    if limits.tokens and row.tokens + row.reserved_tokens + held.tokens > limits.tokens:
        return f"this call could pass the {limits.tokens} tokens of this investigation"
    return f"this call could pass the ${limits.cost_usd:g} of this investigation"
