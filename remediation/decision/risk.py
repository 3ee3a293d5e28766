"""Risk of one action: four factors with their reasons, and a band. Pure.

risk = blast x irreversibility x environment x history, every factor >= 1 and monotone in every bad
fact (`remediation.md` §2.2). The numbers are start values; `docs/reference/policy.md` prints them.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from remediation.types import Reversibility, Risk, RiskBand


class Reach(StrEnum):
    """What goes down with the action if it goes wrong, before what depends on it."""

    REPLICA = "one of three or more replicas"
    SERVICE = "a whole service"
    SHARED = "something stateful or shared"
    CLUSTER = "a whole cluster"


BLAST = {Reach.REPLICA: 1.0, Reach.SERVICE: 2.0, Reach.SHARED: 3.0, Reach.CLUSTER: 5.0}
LARGEST_BLAST = 5.0
MANY_REPLICAS = 3
IRREVERSIBILITY = {
    Reversibility.EXACT_UNDO: (1.0, "it can be undone exactly"),
    Reversibility.SELF_HEALING: (1.5, "it heals by itself but cannot be undone"),
    Reversibility.COMPENSABLE: (2.5, "it can only be made up for"),
    Reversibility.IRREVERSIBLE: (5.0, "it cannot be undone"),
}
ENVIRONMENT = {"dev": 1.0, "test": 1.0, "demo": 1.0, "staging": 1.5}
PROD = 2.5
PROD_UNDER_STRESS = 4.0
BUDGET_IS_LOW = 0.1
BANDS = ((6.0, RiskBand.LOW), (15.0, RiskBand.MEDIUM), (40.0, RiskBand.HIGH))
TRUSTED, ACCEPTABLE = 0.9, 0.7
HISTORY = {"trusted": 1.0, "young": 1.5, "mixed": 2.0, "harmful": 3.0}
_Z_ONE_SIDED_95 = 1.6449


@dataclass(frozen=True)
class Exposure:
    """What the action would touch, and how it went before. The defaults are the good facts."""

    reversibility: Reversibility
    environment: str = "prod"
    reach: Reach = Reach.SERVICE
    is_last: bool = False  # the last replica, or one that a quorum needs
    targets: int = 1  # of a fan-out
    critical_dependents: int = 0  # tier-1 services that reach the target within two hops
    other_major_incident: bool = False
    budget_left: float | None = None  # share of the error budget; None: nobody keeps one
    runs: int = 0
    successes: int = 0
    deviated_recently: bool = False  # within 30 days


def wilson_lower(successes: int, runs: int) -> float:
    """One-sided 95 % lower bound of the success share (Wilson 1927); 0 without runs."""
    if runs == 0:
        return 0.0
    z2 = _Z_ONE_SIDED_95**2
    share = successes / runs
    centre = share + z2 / (2 * runs)
    spread = _Z_ONE_SIDED_95 * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs))
    return max(0.0, (centre - spread) / (1 + z2 / runs))


def band_of(score: float) -> RiskBand:
    return next((band for limit, band in BANDS if score <= limit), RiskBand.EXTREME)


def assess(exposure: Exposure) -> Risk:
    """The score, its band, and each factor with the reason it is that large."""
    factors = (
        ("blast", *_blast(exposure)),
        ("irreversibility", *IRREVERSIBILITY[exposure.reversibility]),
        ("environment", *_environment(exposure)),
        ("history", *_history(exposure)),
    )
    score = math.prod(factor for _, factor, _ in factors)
    return Risk(score=round(score, 2), band=band_of(score), factors=factors)


def _blast(exposure: Exposure) -> tuple[float, str]:
    """Its own reach; one more for each critical service behind it and each doubling of targets."""
    parts = [str(exposure.reach)]
    blast = BLAST[exposure.reach]
    if exposure.targets > 1:
        blast += (exposure.targets - 1).bit_length()  # 1 for two, 2 for up to four, 3 for eight
        parts.append(f"{exposure.targets} targets in one go")
    if exposure.critical_dependents:
        blast += exposure.critical_dependents
        parts.append(f"{exposure.critical_dependents} critical ones depend on it")
    if exposure.is_last:
        blast = LARGEST_BLAST
        parts.append("nothing is left to carry on without it")
    return min(LARGEST_BLAST, blast), ", and ".join(parts)


def _environment(exposure: Exposure) -> tuple[float, str]:
    known = ENVIRONMENT.get(exposure.environment.lower())
    if known is not None:
        return known, f"environment {exposure.environment}"
    name = f"environment {exposure.environment or 'unknown'}, treated as production"
    stress = []
    if exposure.other_major_incident:
        stress.append("another critical incident open")
    if exposure.budget_left is not None and exposure.budget_left < BUDGET_IS_LOW:
        stress.append(f"{max(0.0, exposure.budget_left):.0%} of the error budget left")
    if stress:
        return PROD_UNDER_STRESS, f"production, with {' and '.join(stress)}"
    return PROD, name


def _history(exposure: Exposure) -> tuple[float, str]:
    """Monotone both ways: a failure never lowers it, a success never raises it."""
    if exposure.deviated_recently:
        return HISTORY["harmful"], "it made things worse within the last 30 days"
    lower = wilson_lower(exposure.successes, exposure.runs)
    told = f"{exposure.successes} of {exposure.runs} runs verified"
    if lower >= TRUSTED:
        return HISTORY["trusted"], told
    if exposure.successes == exposure.runs:
        return HISTORY["young"], f"{told}: too few to trust"
    told = f"{told}: at least {lower:.0%} succeed"
    return HISTORY["young" if lower >= ACCEPTABLE else "mixed"], told
