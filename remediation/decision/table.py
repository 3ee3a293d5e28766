"""The truth table of policy as a page, made from the code itself. Pure."""

from collections.abc import Sequence
from itertools import product

from remediation.decision import limits, risk
from remediation.decision.limits import BOUNDS, Limits
from remediation.decision.policy import GUARDS
from remediation.decision.rules import COLUMNS, FLOOR, MATRIX, tightest
from remediation.types import Decision, RiskBand

_LITTLE = f"less than {risk.BUDGET_IS_LOW:.0%} of the"
HEAD = """\
# Policy: who decides

Printed from the code by `manage.py policy_table`; a test compares the two.

For every planned action policy says how many people must approve it: **one**, **two** different
ones, or nobody may and it is left to people outside AIRRA (**escalate**). AIRRA never acts without
a person. The decision is the strictest of

1. the cell of the matrix, by the risk of the action and the confidence in its cause, and
2. every guard that holds. A guard is a lower bound: none can loosen, and their order is nothing.

So no bad fact can loosen a decision. That is tested for every matrix that can be stored, every
guard and every fact, and it is why a matrix can only be stored when it gets no looser with more
risk or with less confidence.
"""
MIDDLE = """\
An administrator edits the matrix and the limits in *Settings, Policies*. Any change raises the
version, which voids what was approved under the old one, and leaves both versions in the audit
record. A change that only tightens is free. One that loosens anything needs a reason and the
password once more, which then holds for five minutes; the page names what would loosen. The same
goes for what limits an action in a workspace. What stands in the last column is the least that can
be set.
"""
STOPS = """\
## Stops

Looked at when planning, when approving, in the transaction that claims, and once more right before
the effect. Between that last look and the effect lie microseconds in which nothing can stop it.

"""
STOP_ROWS = [
    (
        "Kill switch",
        "of a workspace: everything, an environment, a kind of executor, one endpoint",
        "*Stop* on every page: a reason and one click; a responder",
        "an approver, with a reason",
    ),
    (
        "Kill switch",
        "the whole installation",
        "`manage.py kill on --reason …`, or a superuser",
        "`manage.py kill off --reason …`, or a superuser",
    ),
    (
        "Kill file",
        "everything",
        "make the file `AIRRA_KILL_FILE`; its text is the reason",
        "remove it",
    ),
    (
        "Freeze window",
        "a service, an environment or everything; once, or the same hours (UTC) each week",
        "*Settings, Freeze windows*",
        "its end; shortening or deleting it loosens",
    ),
]
TAIL = """
- A switch or window for an environment also holds for services whose environment nobody has said.
- The file works without the pages and without the database. It must be where the process that
  acts can see it; a file that cannot be read stops too.
- `manage.py kill status` tells what is stopped, by whom and why. Pages show it in a red banner.
- Stops hold for undoing as well. Limits do not: what was done can always be taken back.

## Trying other rules

*Policy* in the side bar, or `manage.py policy_simulate --days 30 --policy file.json`, asks every
question that policy was asked in the last days again, under other rules, beside what was decided,
done and came of it. Each question was stored with all its facts, so the answers are exact. Nothing
is saved, planned or sent. `manage.py policy_simulate --show` prints the rules in force as such a
file.
"""


def page() -> str:
    """The whole of docs/reference/policy.md."""
    parts = [HEAD, _matrix(), MIDDLE, _guards(), _combinations(), _limits(), _risk()]
    stops = STOPS + _rows(("Stop", "Scope", "On", "Off"), STOP_ROWS) + TAIL
    return "\n".join([*parts, stops])


def _rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def _matrix() -> str:
    names = [f"{least:.0%} and more" for least in COLUMNS]
    names[0] = f"below {COLUMNS[1]:.0%}, or abstained"
    names[2:] = [f"{name}, calibrated" for name in names[2:]]
    rows = [
        (f"**{band}**", *(str(cell) for cell in MATRIX[band]), str(FLOOR[band]))
        for band in RiskBand
    ]
    return (
        "## The matrix\n\n"
        + _rows(("Risk", *names, "never below"), rows)
        + "\nUntil people here have judged enough hypotheses, no confidence is calibrated, and the "
        "second column\nstands for the two after it. So it does when a person vouches: confirmed "
        "the cause, or asked for the\naction.\n"
    )


def _guards() -> str:
    rows = [(guard.name, f"at least {guard.bound}", guard.reason) for guard in GUARDS]
    return "## The guards\n\n" + _rows(("Guard", "Bound", "It holds when"), rows)


def combinations() -> list[tuple[RiskBand, int, frozenset[Decision], Decision]]:
    """Every cell of the matrix with every set of bounds that guards can add, and what comes out."""
    bounds = sorted({guard.bound for guard in GUARDS}, key=list(Decision).index)
    found = []
    for band, column in product(RiskBand, range(len(COLUMNS))):
        for held in product((False, True), repeat=len(bounds)):
            added = frozenset(b for b, is_held in zip(bounds, held, strict=True) if is_held)
            found.append((band, column, added, tightest([MATRIX[band][column], *added])))
    return found


def _combinations() -> str:
    found = combinations()
    seen = [(cell, _outcome(cell)) for cell in Decision]
    rows = [(f"**{cell}**", *outcomes) for cell, outcomes in seen]
    guards = len(GUARDS)
    return (
        "## Together\n\n"
        + _rows(("Cell of the matrix", "no guard", *(f"a guard of {d}" for d in Decision)), rows)
        + f"\nWith several guards the strictest counts. {guards} guards can hold in "
        f"2^{guards} = {2**guards:,} ways over {len(RiskBand) * len(COLUMNS)} cells; only which "
        f"bounds they add\nmatters, which leaves {len(found)} combinations. The tests walk all of "
        "them.\n"
    )


def _outcome(cell: Decision) -> tuple[str, ...]:
    return (str(cell), *(str(tightest([cell, bound])) for bound in Decision))


def _limits() -> str:
    names = dict(zip(BOUNDS, limits.RULES, strict=True))
    rows = [
        (
            rule.name,
            f"{getattr(Limits(), name):g}",
            f"{BOUNDS[name][0]:g} to {BOUNDS[name][1]:g}",
            "waits" if rule.passes else "is cancelled",
        )
        for name, rule in names.items()
    ]
    return (
        "## Hard limits\n\n"
        "Counted when planning, and again in the transaction that claims, one claim at a time.\n\n"
        + _rows(("Limit", "Default", "May be set", "A claim that reaches it"), rows)
        + "\n- Each target of each step counts, once it may have reached production; when "
        "planning, those that the\n  plan acts on before it count as done. A plan of more than "
        "three targets needs a wider limit per\n  incident.\n"
        "- A stop or a freeze where any step acts keeps the plan from being approved, and its "
        "next step from\n  beginning.\n"
        "- *Per target* counts six hours back, *nearby* what is in flight on the service, "
        "those it calls and those\n  that call it. The hour is counted over the whole "
        "installation.\n"
        "- Of a fleet one replica is always possible; its size is what the target said.\n"
    )


def _risk() -> str:
    factors = [("blast", f"{value:g}", str(reach)) for reach, value in risk.BLAST.items()]
    factors += [
        ("blast", "+1", "for each critical service that reaches it in one or two calls"),
        ("blast", "+1", "for each doubling of the targets of a fan-out"),
        (
            "blast",
            f"{risk.LARGEST_BLAST:g}",
            "the last replica, or one that a quorum needs; and the most",
        ),
    ]
    factors += [
        ("irreversibility", f"{value:g}", reason) for value, reason in risk.IRREVERSIBILITY.values()
    ]
    places = {**risk.ENVIRONMENT, "everything else": risk.PROD}
    factors += [("environment", f"{value:g}", name) for name, value in places.items()]
    factors += [
        (
            "environment",
            f"{risk.PROD_UNDER_STRESS:g}",
            f"production with another critical incident open, or with {_LITTLE} error budget left",
        ),
        ("history", f"{risk.HISTORY['trusted']:g}", f"at least {risk.TRUSTED:.0%} succeed, surely"),
        (
            "history",
            f"{risk.HISTORY['young']:g}",
            f"no failure yet but too few runs, or at least {risk.ACCEPTABLE:.0%} succeed",
        ),
        ("history", f"{risk.HISTORY['mixed']:g}", "fewer succeed"),
        ("history", f"{risk.HISTORY['harmful']:g}", "it made things worse within 30 days"),
    ]  # fmt: skip
    bands = [(f"**{band}**", f"up to {limit:g}") for limit, band in risk.BANDS]
    bands.append((f"**{RiskBand.EXTREME}**", f"above {risk.BANDS[-1][0]:g}"))
    return (
        "## Risk\n\nThe product of four factors; the page of an approval shows each with its "
        "reason.\n\n"
        + _rows(("Factor", "Value", "When"), factors)
        + "\n"
        + _rows(("Band", "Score"), bands)
        + "\n“Surely” is the one-sided 95 % lower bound of Wilson over verified runs of the same "
        "action on the same\nservice; a fix that did not last is no success. The error budget is "
        "what the fast burns of 30 days left,\neach at the rate of its alarm; slow burns are not "
        "seen, so there may be less.\n"
    )
