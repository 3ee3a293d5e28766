"""What policy says of a planned action: how many people, or nobody may. Pure.

The cell of the matrix joined with every guard that holds, on the order one < two < escalate. A
guard is a lower bound, so no guard can loosen and their order is nothing (`remediation.md` §2.3).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from remediation.decision import limits as limiting
from remediation.decision.limits import Counts
from remediation.decision.rules import COLUMNS, UNCALIBRATED, Rules, tightest
from remediation.types import UNTAINTED, Decision, Fidelity, Reversibility, RiskBand

MAX_SAME_ACTION_IN_6H = 2
MANY_INCIDENTS = 5  # more at once, of one trouble, are a storm
_HARMLESS_OWNERS = frozenset({"", "compose"})  # it only starts what it owns, and reverts nothing


@dataclass(frozen=True)
class Case:
    """Everything policy looks at. The defaults are the good facts, but `vouched_for`."""

    band: RiskBand
    confidence: float = 1.0
    abstained: bool = False
    is_calibrated: bool = True  # enough verdicts of people here to know what confidence is worth
    vouched_for: bool = False  # a person confirmed the cause or asked for the action
    action: str = ""
    environment: str = ""
    reversibility: Reversibility = Reversibility.EXACT_UNDO
    killed: str = ""  # why the kill switch is on
    frozen: str = ""  # the reason of the freeze window we are in
    fits: bool = True  # the catalogue does not forbid it for this mechanism
    tainted: bool = False
    dry_run: str = "server"  # a Fidelity, or "" when it was impossible
    owner: str = ""  # who else writes the target
    failed: tuple[str, ...] = ()  # pre-checks of the executor that must not fail
    doubtful: tuple[str, ...] = ()  # those that ask for a second look
    counts: Counts = field(default_factory=Counts)
    same_action_in_6h: int = 0
    cooling_down: bool = False
    unknown_on_target: bool = False
    unknown_nearby: bool = False
    deviated_last_day: bool = False
    masked: str = ""  # why it would only hide the cause, a third time in a row
    incidents_at_once: int = 1
    alert_is_flapping: bool = False
    topology_is_stale: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> "Case":
        """The case as it was stored; facts that policy no longer knows are left out."""
        known = {f.name for f in fields(cls)}
        told = {name: value for name, value in data.items() if name in known}
        counted = {f.name for f in fields(Counts)}
        counts = {n: v for n, v in told.pop("counts", {}).items() if n in counted}
        return cls(
            **{
                **told,
                "band": RiskBand(told["band"]),
                "reversibility": Reversibility(told.get("reversibility", "exact_undo")),
                "failed": tuple(told.get("failed", ())),
                "doubtful": tuple(told.get("doubtful", ())),
                "counts": Counts(**counts),
            }
        )


@dataclass(frozen=True)
class Ruling:
    """The decision with every rule that set or raised it, in plain words."""

    decision: Decision
    reasons: tuple[str, ...]


def _nothing(_: Case) -> str:
    return ""


@dataclass(frozen=True)
class Guard:
    """A lower bound that applies while `holds` is true of the case under the rules."""

    name: str
    bound: Decision
    reason: str
    holds: Callable[[Case, Rules], bool]
    detail: Callable[[Case], str] = _nothing

    def says(self, case: Case) -> str:
        detail = self.detail(case)
        return f"{self.reason}: {detail}" if detail else self.reason


def _is_elsewhere(case: Case, rules: Rules) -> bool:
    """An unknown environment is not among those that are allowed, unless all are."""
    allowed = {name.casefold() for name in rules.environments}
    return bool(allowed) and case.environment.casefold() not in allowed


def _limit(rule: limiting.Rule) -> Guard:
    """At plan time: what passes by itself only has to wait its turn; the hour is left to people."""
    waits = rule.passes and rule.name != "actions per hour"
    return Guard(
        rule.name,
        Decision.ONE if waits else Decision.ESCALATE,
        f"{rule.reason}, so it will wait its turn" if waits else rule.reason,
        lambda c, r: rule.is_reached(r.limits, c.counts),
    )


_ONE, _TWO, _STOP = Decision.ONE, Decision.TWO, Decision.ESCALATE
# Those bound to one person change nothing today: nobody acts alone. They are said all the same, and
# would hold if the order ever began below one.
GUARDS: tuple[Guard, ...] = (
    Guard(
        "kill switch", _STOP, "the kill switch is on", lambda c, _: bool(c.killed),
        lambda c: c.killed,
    ),
    Guard(
        "freeze window", _STOP, "a freeze window is open", lambda c, _: bool(c.frozen),
        lambda c: c.frozen,
    ),
    Guard(
        "allowed here", _STOP, "this workspace does not allow it",
        lambda c, r: bool(r.actions) and c.action not in r.actions,
    ),
    Guard(
        "environment", _STOP, "no action is allowed in this environment", _is_elsewhere,
        lambda c: c.environment,
    ),
    Guard("fits the cause", _STOP, "it is forbidden for this kind of cause",
          lambda c, _: not c.fits),
    Guard("reversible", _STOP, "what cannot be undone is left to people",
          lambda c, _: c.reversibility is Reversibility.IRREVERSIBLE),
    Guard("dry run", _STOP, "the target could not show the change", lambda c, _: not c.dry_run),
    Guard("real diff", _TWO, "the dry run is only a description",
          lambda c, _: bool(c.dry_run) and c.dry_run not in {Fidelity.SERVER, Fidelity.SIMULATED}),
    Guard("target's own dry run", _ONE, "the dry run is worked out, not the target's own word",
          lambda c, _: c.dry_run == Fidelity.SIMULATED),
    Guard("pre-checks", _STOP, "a check of the target failed", lambda c, _: bool(c.failed),
          lambda c: ", ".join(c.failed)),
    Guard("doubtful checks", _TWO, "a check of the target asks for a second look",
          lambda c, _: bool(c.doubtful), lambda c: ", ".join(c.doubtful)),
    Guard("nobody else's", _TWO, "somebody else writes the target and may revert it",
          lambda c, _: c.owner.casefold() not in _HARMLESS_OWNERS, lambda c: c.owner),
    *(_limit(rule) for rule in limiting.RULES),
    Guard("no flapping", _STOP, "the same action ran on this target twice within six hours",
          lambda c, _: c.same_action_in_6h >= MAX_SAME_ACTION_IN_6H),
    Guard("cool-down", _TWO, "the same action ran here a moment ago", lambda c, _: c.cooling_down),
    Guard("target is settled", _STOP, "nobody knows yet how an earlier action on this target ended",
          lambda c, _: c.unknown_on_target),
    Guard("neighbours are settled", _TWO, "nobody knows yet how an action on a neighbour ended",
          lambda c, _: c.unknown_nearby),
    Guard("no harm today", _TWO, "an action made it worse today", lambda c, _: c.deviated_last_day),
    Guard("mends the cause", _STOP, "it would only mask the cause", lambda c, _: bool(c.masked),
          lambda c: c.masked),
    Guard("no storm", _TWO, "many incidents at once are one trouble",
          lambda c, _: c.incidents_at_once > MANY_INCIDENTS,
          lambda c: f"{c.incidents_at_once} of them"),
    Guard("steady alert", _TWO, "its alert is flapping: a lull would look like a mend",
          lambda c, _: c.alert_is_flapping),
    Guard("fresh topology", _TWO, "what depends on the target has not been seen lately",
          lambda c, _: c.topology_is_stale),
    Guard(UNTAINTED, _TWO, "it rests on text outsiders can write", lambda c, _: c.tainted),
    Guard("calibrated confidence", _ONE, "nobody knows yet what a confidence is worth here",
          lambda c, _: not c.is_calibrated),
)  # fmt: skip


def column_of(case: Case) -> int:
    """The column of the matrix: by confidence; a person's word lifts doubt to the second."""
    column = 0
    if not case.abstained:
        column = max(i for i, least in enumerate(COLUMNS) if i == 0 or case.confidence >= least)
    if not case.is_calibrated:
        column = min(column, UNCALIBRATED)
    return max(column, UNCALIBRATED) if case.vouched_for else column


def base_of(case: Case, rules: Rules) -> tuple[Decision, str]:
    """The cell of the matrix, and how it was found."""
    column = column_of(case)
    decision = rules.matrix[case.band][column]
    if case.vouched_for and column == UNCALIBRATED:
        return decision, f"{case.band} risk, and a person vouches for it"
    if column == 0:
        return decision, f"{case.band} risk at low confidence ({case.confidence:.0%})"
    calibrated = "calibrated" if case.is_calibrated else "not calibrated"
    return decision, f"{case.band} risk at {case.confidence:.0%} confidence ({calibrated})"


def decide(case: Case, rules: Rules, guards: Iterable[Guard] = GUARDS) -> Ruling:
    """The join of the matrix and every guard that holds; the matrix's reason comes first."""
    decision, reason = base_of(case, rules)
    held = [guard for guard in guards if guard.holds(case, rules)]
    joined = tightest([decision, *(guard.bound for guard in held)])
    return Ruling(joined, (reason, *(guard.says(case) for guard in held)))


def checks(case: Case, rules: Rules) -> list[dict[str, str | bool]]:
    """Every guard with whether it is content, for the approval screen."""
    held = {guard.name: guard.holds(case, rules) for guard in GUARDS}
    return [
        {"name": g.name, "ok": not held[g.name], "detail": g.says(case) if held[g.name] else ""}
        for g in GUARDS
    ]
