"""Risk of one action on one target: four factors with their reasons, and a band. Pure.

risk = blast x irreversibility x environment x history, every factor >= 1 and monotone in every bad
fact (`remediation.md` §2.2). The numbers are start values.
"""

import math
from dataclasses import dataclass

from remediation.types import Reversibility, Risk, RiskBand

_IRREVERSIBILITY = {
    Reversibility.EXACT_UNDO: (1.0, "it can be undone exactly"),
    Reversibility.SELF_HEALING: (1.5, "it heals by itself but cannot be undone"),
    Reversibility.COMPENSABLE: (2.5, "it can only be made up for"),
    Reversibility.IRREVERSIBLE: (5.0, "it cannot be undone"),
}
_WHOLE_SERVICE = 2.0
_LARGEST_BLAST = 5.0
_ENVIRONMENT = {"dev": 1.0, "test": 1.0, "demo": 1.0, "staging": 1.5}
_PROD = 2.5
_PROD_UNDER_STRESS = 4.0
_BANDS = ((6.0, RiskBand.LOW), (15.0, RiskBand.MEDIUM), (40.0, RiskBand.HIGH))
_ENOUGH_RUNS = 10
_TRUSTED = 0.9
_Z_ONE_SIDED_95 = 1.6449


@dataclass(frozen=True)
class Exposure:
    """What the action would touch, and how it went before."""

    reversibility: Reversibility
    environment: str = "prod"
    critical_dependents: int = 0  # tier-1 services that reach the target within two hops
    other_major_incident: bool = False
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
    return next((band for limit, band in _BANDS if score <= limit), RiskBand.EXTREME)


def assess(exposure: Exposure) -> Risk:
    """The score, its band, and each factor with the reason it is that large."""
    factors = (
        ("blast", *_blast(exposure)),
        ("irreversibility", *_IRREVERSIBILITY[exposure.reversibility]),
        ("environment", *_environment(exposure)),
        ("history", *_history(exposure)),
    )
    score = math.prod(factor for _, factor, _ in factors)
    return Risk(score=round(score, 2), band=band_of(score), factors=factors)


def _blast(exposure: Exposure) -> tuple[float, str]:
    """Every action of the catalogue reaches a whole service; what depends on it adds to that."""
    if not exposure.critical_dependents:
        return _WHOLE_SERVICE, "a whole service"
    reason = f"a whole service, and {exposure.critical_dependents} critical ones depend on it"
    return min(_LARGEST_BLAST, _WHOLE_SERVICE + exposure.critical_dependents), reason


def _environment(exposure: Exposure) -> tuple[float, str]:
    known = _ENVIRONMENT.get(exposure.environment.lower())
    if known is not None:
        return known, f"environment {exposure.environment}"
    if exposure.other_major_incident:
        return _PROD_UNDER_STRESS, "production, with another critical incident open"
    return _PROD, f"environment {exposure.environment or 'unknown'}, treated as production"


def _history(exposure: Exposure) -> tuple[float, str]:
    if exposure.deviated_recently:
        return 3.0, "it made things worse within the last 30 days"
    lower = wilson_lower(exposure.successes, exposure.runs)
    told = f"{exposure.successes} of {exposure.runs} runs verified"
    if lower >= _TRUSTED:
        return 1.0, told
    if exposure.runs < _ENOUGH_RUNS:
        return 1.5, f"{told}: too few to trust"
    return 2.0, f"{told}: at least {lower:.0%} succeed"
