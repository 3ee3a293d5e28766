"""What the rules find of a case: clues about its candidates, and a diagnosis."""

import math
import re
from collections.abc import Sequence

from analysis.reasoning.kubernetes.candidates import Candidates
from analysis.reasoning.kubernetes.engine import findings
from analysis.reasoning.kubernetes.findings import Finding
from analysis.reasoning.kubernetes.model import Line
from analysis.reasoning.kubernetes.reading import snapshot
from analysis.types import Case, Clue, Diagnosis, Suspect

FEATURE = "kubernetes rule"
_SHARPNESS = 7.0  # how far one rule's strength outweighs another's
_NONE = 0.42  # the strength at which "none of these" is as likely as one lone finding
_MOST = 0.93  # no rule is right more often than that
_TELLING = 0.7  # weaker findings leave the word to the series
_TROUBLE = frozenset({"error", "critical", "fatal", "warn", "warning", "severe"})
_ABSTAIN_BELOW = 0.35
_UNNAMED = 0.02
_SHARE_OF_NEXT = 0.25  # what the next in a finding's chain is believed of its strength


def kubernetes_clues(case: Case) -> list[Clue]:
    """Clues about the case's candidates; none where nothing of a cluster was collected."""
    return [clue for clue, _ in _clues(case)]


def _clues(case: Case) -> list[tuple[Clue, Finding]]:
    if not case.kubernetes and not case.events:
        return []
    logs = [
        Line(line.service, line.message) for line in case.logs if line.level.lower() in _TROUBLE
    ]
    snap = snapshot(case.kubernetes, case.events, logs)
    candidates = Candidates(case.candidates, snap)
    found: dict[tuple[str, str], tuple[Clue, Finding]] = {}
    for finding in findings(snap):
        for place, candidate in enumerate(candidates.along(finding.about)):
            value = finding.strength * _SHARE_OF_NEXT**place
            key = candidate, finding.rule
            if key in found and found[key][0].value >= value:
                continue
            detail = f"{finding.rule}: {finding.facts[0]} | {finding.facts[1]}"
            clue = Clue(component=candidate, feature=FEATURE, value=value, detail=detail)
            found[key] = clue, finding
    return sorted(
        found.values(), key=lambda pair: (-pair[0].value, pair[0].component, pair[1].rule)
    )


def has_findings(case: Case) -> bool:
    """Whether a cluster was collected and rules say more of it than counts; series rank else."""
    is_collected = bool(case.kubernetes or case.events)
    return is_collected and (not case.series or any(c.value >= _TELLING for c, _ in _clues(case)))


def diagnose_kubernetes(case: Case) -> Diagnosis:
    """Rank the candidates by the strongest rule each is hit by; rules share by their strength."""
    pairs = _clues(case)
    by: dict[str, list[tuple[Clue, Finding]]] = {}
    for clue, finding in pairs:
        by.setdefault(clue.component, []).append((clue, finding))
    strengths = {name: _strength(own, case) for name, own in by.items()}
    shares = _shares(strengths)
    none = max(1.0 - sum(shares.values()), 0.0)
    ranked = sorted(shares, key=lambda name: (-shares[name], name))
    rest = [c for c in case.candidates if c not in shares]
    suspects = [
        Suspect(name, shares[name], str(by[name][0][1].fault), tuple(c for c, _ in by[name]))
        for name in ranked
    ]
    # Those that no rule names share what is left, and none gets more than one that is named.
    each = min([_UNNAMED, none / (len(rest) + 1), *shares.values()])
    suspects += [Suspect(name, each, "unknown") for name in rest]
    top = suspects[0].probability if suspects else 0.0
    left = none - each * len(rest)
    return Diagnosis(tuple(suspects), left, top < _ABSTAIN_BELOW, "kubernetes")


def _strength(own: Sequence[tuple[Clue, Finding]], case: Case) -> float:
    """The best hit counts, further rules add a little, and so does being who alarmed."""
    values = sorted((c.value for c, _ in own), reverse=True)
    more = 0.03 * sum(values[1:4])
    alarmed = bool(case.alert_service) and _same(own[0][0].component, case.alert_service)
    return values[0] + more + (0.04 if alarmed else 0.0)


def _same(one: str, other: str) -> bool:
    return re.split(r"[/:]", one)[-1] == re.split(r"[/:]", other)[-1]


def _shares(strengths: dict[str, float]) -> dict[str, float]:
    powers = {name: math.exp(_SHARPNESS * value) for name, value in strengths.items()}
    total = sum(powers.values()) + math.exp(_SHARPNESS * _NONE)
    return {name: _MOST * power / total for name, power in powers.items()}
