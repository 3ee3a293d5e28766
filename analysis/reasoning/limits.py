"""When code stops an investigation, whatever a model would like (`reasoning.md` §2.4, §3.11)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from analysis.reasoning.gate.usage import cost_usd
from analysis.types import Price, Tokens


class Ended(StrEnum):
    """Why the search for a cause was over."""

    CONCLUDED = "concluded"
    ALL_SETTLED = "all_settled"  # every rival is supported or refuted
    STALLED = "stalled"  # turns that brought nothing new
    TURNS = "turns"
    TOOL_CALLS = "tool_calls"
    TIME = "time"
    MONEY = "money"

    @property
    def is_budget(self) -> bool:
        """It could go on with more to spend."""
        return self in {Ended.TURNS, Ended.TOOL_CALLS, Ended.TIME, Ended.MONEY}


@dataclass(frozen=True)
class Limits:
    """Start values, to be fitted on evals. `refute_share` of everything is kept for the refuter."""

    turns: int = 30
    tool_calls: int = 40
    wall_s: float = 480.0
    cost_usd: float = 2.0
    refute_share: float = 0.2
    conclude_at: float = 0.8
    stalled_turns: int = 2


class Meter:
    """What one investigation has used of its limits. The gate enforces them; this one steers.

    `clock` gives seconds of a steady clock.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self.limits = limits
        self.clock = clock
        self._began = clock()
        self.turns = 0
        self.tool_calls = 0
        self.tokens = Tokens()
        self.cost_usd = 0.0

    def count(self, tokens: Tokens, price: Price | None) -> None:
        """One turn. Money of an unknown price is not counted."""
        self.turns += 1
        self.tokens = self.tokens + tokens
        self.cost_usd += cost_usd(price, tokens)

    def most_used(self) -> tuple[float, Ended]:
        """The limit that is nearest, as the used share of it."""
        limits = self.limits
        return max(
            (self.turns / max(limits.turns, 1), Ended.TURNS),
            (self.tool_calls / max(limits.tool_calls, 1), Ended.TOOL_CALLS),
            ((self.clock() - self._began) / limits.wall_s, Ended.TIME),
            (self.cost_usd / limits.cost_usd, Ended.MONEY),
        )

    def ended(self, *, share: float) -> Ended | None:
        """The limit of which `share` is used up, if there is one."""
        used, which = self.most_used()
        return which if used >= share else None

    def calls_left(self, *, share: float = 1.0) -> int:
        return max(int(self.limits.tool_calls * share) - self.tool_calls, 0)
