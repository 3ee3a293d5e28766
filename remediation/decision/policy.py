"""What policy says of a planned action: how many people, or nobody may. Pure.

The matrix of §2.3 in its uncalibrated form: the columns above .45 are one. Guards are lower bounds
joined with it on the order one < two < escalate, so no guard can loosen and their order is nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from remediation.types import UNTAINTED, Decision, Reversibility, RiskBand

MATRIX_VERSION = 1
CONFIDENT = 0.45
MAX_SAME_ACTION_IN_6H = 2
MAX_ACTIONS_PER_HOUR = 6

_ORDER = {decision: rank for rank, decision in enumerate(Decision)}

# risk band -> (below .45 or abstained, otherwise)
MATRIX: dict[RiskBand, tuple[Decision, Decision]] = {
    RiskBand.LOW: (Decision.ONE, Decision.ONE),
    RiskBand.MEDIUM: (Decision.ESCALATE, Decision.ONE),
    RiskBand.HIGH: (Decision.ESCALATE, Decision.TWO),
    RiskBand.EXTREME: (Decision.ESCALATE, Decision.ESCALATE),
}


@dataclass(frozen=True)
class Case:
    """Everything policy looks at. The defaults are the good facts."""

    band: RiskBand
    confidence: float = 1.0
    abstained: bool = False
    vouched_for: bool = False  # a person confirmed the cause or asked for the action
    reversibility: Reversibility = Reversibility.EXACT_UNDO
    killed: bool = False
    frozen: str = ""  # the reason of the freeze window we are in
    allowed: bool = True
    fits: bool = True  # the catalogue does not forbid it for this mechanism
    tainted: bool = False
    dry_run: str = "server"  # server | simulated | described | "" when it was impossible
    actions_on_incident: int = 0
    max_actions_per_incident: int = 3
    actions_last_hour: int = 0
    same_action_in_6h: int = 0
    cooling_down: bool = False
    unknown_on_target: bool = False
    deviated_last_day: bool = False


@dataclass(frozen=True)
class Ruling:
    """The decision with every rule that set or raised it, in plain words."""

    decision: Decision
    reasons: tuple[str, ...]


def _is_not_its_own(case: Case) -> bool:
    return case.dry_run != "server"


def _has_used_up(case: Case) -> bool:
    return case.actions_on_incident >= case.max_actions_per_incident


def _is_final(case: Case) -> bool:
    return case.reversibility is Reversibility.IRREVERSIBLE


@dataclass(frozen=True)
class Guard:
    """A lower bound that applies while `holds` is true of the case."""

    name: str
    bound: Decision
    reason: str
    holds: Callable[[Case], bool]


_TWO, _STOP = Decision.TWO, Decision.ESCALATE
GUARDS: tuple[Guard, ...] = (
    Guard("kill switch", _STOP, "the kill switch is on", lambda c: c.killed),
    Guard("freeze window", _STOP, "a freeze window is open", lambda c: bool(c.frozen)),
    Guard("allowed here", _STOP, "this workspace does not allow it", lambda c: not c.allowed),
    Guard("fits the cause", _STOP, "it is forbidden for this kind of cause", lambda c: not c.fits),
    Guard("dry run", _STOP, "the target could not show the change", lambda c: not c.dry_run),
    Guard("target's own dry run", _TWO, "the dry run is not the target's own", _is_not_its_own),
    Guard("actions per incident", _STOP, "the incident has used up its actions", _has_used_up),
    Guard(
        "actions per hour",
        _STOP,
        "too many actions within an hour",
        lambda c: c.actions_last_hour >= MAX_ACTIONS_PER_HOUR,
    ),
    Guard(
        "no flapping",
        _STOP,
        "the same action ran on this target twice within six hours",
        lambda c: c.same_action_in_6h >= MAX_SAME_ACTION_IN_6H,
    ),
    Guard("cool-down", _TWO, "the same action ran here a moment ago", lambda c: c.cooling_down),
    Guard(
        "target is settled",
        _STOP,
        "nobody knows yet how an earlier action on this target ended",
        lambda c: c.unknown_on_target,
    ),
    Guard("reversible", _STOP, "what cannot be undone is left to people", _is_final),
    Guard(UNTAINTED, _TWO, "it rests on text outsiders can write", lambda c: c.tainted),
    Guard("no harm today", _TWO, "an action made it worse today", lambda c: c.deviated_last_day),
)


def base_of(case: Case) -> tuple[Decision, str]:
    """The cell of the matrix, and how it was found."""
    low, normal = MATRIX[case.band]
    if case.vouched_for:
        return normal, f"{case.band} risk, and a person vouches for it"
    if case.abstained or case.confidence < CONFIDENT:
        return low, f"{case.band} risk at low confidence ({case.confidence:.0%})"
    return normal, f"{case.band} risk at {case.confidence:.0%} confidence (not calibrated)"


def decide(case: Case, guards: Iterable[Guard] = GUARDS) -> Ruling:
    """The join of the matrix and every guard that holds; the matrix's reason comes first."""
    decision, reason = base_of(case)
    held = [guard for guard in guards if guard.holds(case)]
    decision = max([decision, *(g.bound for g in held)], key=_ORDER.__getitem__)
    return Ruling(decision, (reason, *(g.reason for g in held)))


def checks(case: Case) -> list[dict[str, str | bool]]:
    """Every guard with whether it is content, for the approval screen."""
    return [
        {"name": g.name, "ok": not g.holds(case), "detail": g.reason if g.holds(case) else ""}
        for g in GUARDS
    ]
