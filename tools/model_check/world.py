"""The world around the transition function, small enough to search completely.

Executions on one target, workers that get duplicate messages, pause anywhere and die anywhere, a
network that loses answers and delivers requests late, people who approve, edit plans and policy
and flip the kill switch, and a clock. The target is the worst one: it knows neither idempotency
keys nor fences nor versions; it only refuses signatures that are too old.

Times are ticks. Only their order matters: a lease ends before the credential of its attempt, and
the credential before the quarantine. After `Rules.settled` no comparison of times can change any
more, so a search that closes below it holds for a clock without an end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from remediation.execution.course import Move, Steps, next_move
from remediation.execution.protocol import Event, Facts, next_state
from remediation.types import HOLDS_TARGET, ExecutionState

S = ExecutionState
ASKED = "asked"  # before the approval there is no execution; this is the model's own state
NO_EFFECT = frozenset({ASKED, S.APPROVED, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED})
EFFECT = frozenset({S.VERIFYING, S.SUCCEEDED, S.INCONCLUSIVE, S.DEVIATED, S.UNDONE})
HARM = frozenset({S.DEVIATED, S.UNDONE})
PROVED = frozenset({S.SUCCEEDED, S.INCONCLUSIVE})  # of a ramp: it helped, or did no harm
DONE = frozenset({S.SUCCEEDED, S.INCONCLUSIVE, S.DEVIATED})  # what an undo can take back
ENDS = frozenset({S.SUCCEEDED, S.INCONCLUSIVE, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED, S.UNDONE})
Step = Callable[[ExecutionState, Event, Facts], ExecutionState | None]


class Row(NamedTuple):
    """An execution, and what the target knows of its key."""

    state: str = ASKED
    fence: int = 0
    issued: int = -1  # when the intent was written, by the clock of its claimant
    edited: bool = False  # the plan is no longer what was approved
    policy: int = 0  # the version it was approved under
    effects: int = 0
    wrong: str = ""  # the first promise that was broken


class Worker(NamedTuple):
    """What a worker is about to do, and all that it remembers."""

    doing: str = "idle"
    row: int = -1
    fence: int = 0
    issued: int = -1
    told: str = ""  # what the look, the target or the probe said
    carries_edit: bool = False  # what it would send is not what was approved


class World(NamedTuple):
    now: int
    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    flying: tuple[tuple[int, int, bool], ...] = ()  # row, issued, edited: requests on their way
    switch: int = 0  # of the kill switch: 0 never on, 1 on, 2 off again
    policy: int = 0  # its version


IDLE = Worker()


@dataclass(frozen=True)
class Rules:
    """The size of the world, and the ways in which the code around the protocol may be wrong."""

    executions: int = 2
    workers: int = 2
    undo_of: tuple[int, ...] = ()  # by row, -1: not an undo
    target_of: tuple[int, ...] = ()  # by row; empty: all of them act on one
    fan_out: tuple[int, ...] = ()  # the rows of a plan's one step, the canary first
    is_wave: bool = False  # the whole fan-out begins at once, as later waves of a ramp do
    step_after: tuple[int, ...] = ()  # by row, -1: the first step of its plan
    lease: int = 1
    credential: int = 2
    quarantine: int = 3
    expires: int = 2  # approvals, in ticks from the start: not claimed from then on
    skew: int = 0  # a prober's clock may be this far ahead
    may_edit: bool = True
    may_edit_policy: bool = True
    may_kill: bool = True
    may_cancel: bool = True

    step: Step = next_state
    move: Callable[[Steps], Move] = next_move
    holds: frozenset[str] = frozenset(HOLDS_TARGET)  # what the unique index covers
    loads_first: bool = False  # what to send is read in a step of its own, before the look
    claim_compares_state: bool = True
    claim_compares_hash: bool = True
    claim_compares_policy: bool = True
    claim_compares_switch: bool = True
    looks_again: bool = True  # at the kill switch, after the claim and before the effect
    judges_quarantine_late: bool = False  # at the write instead of at the question
    sends_again: bool = False  # when no answer came
    write_compares_state: bool = True
    undo_is_unique: bool = True  # of an execution: a second deviation message makes no second one

    @property
    def settled(self) -> int:
        """The first tick from which on every comparison of times has its last value."""
        return self.expires + max(self.lease, self.credential + 1, self.quarantine)

    def is_undo(self, i: int) -> bool:
        return bool(self.undo_of) and self.undo_of[i] >= 0

    def is_beside(self, i: int, j: int) -> bool:
        """Whether two rows act on one target."""
        return not self.target_of or self.target_of[i] == self.target_of[j]

    def canary(self, i: int) -> int:
        """The row whose proof this one waits for, else -1."""
        is_later = i in self.fan_out[1:] and not self.is_wave
        return self.fan_out[self.fan_out.index(i) - 1] if is_later else -1

    def before(self, i: int) -> int:
        """The step before this one in its plan, else -1."""
        return self.step_after[i] if self.step_after else -1

    def start(self) -> World:
        return World(0, (Row(),) * self.executions, (IDLE,) * self.workers)
