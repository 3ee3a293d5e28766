"""How severe an alert is: what its sender said, then what hangs on the service. Pure."""

from dataclasses import dataclass

from incidents.lifecycle import SEVERITY_ORDER, Severity

# What makes a service “depended on” for detectors too (`analysis.perception.severity`).
MANY_DEPENDANTS = 3
_TIERS = {1: "critical", 2: "important", 3: "supporting"}
_OF_TIER = {1: Severity.HIGH, 2: Severity.MEDIUM, 3: Severity.LOW}


@dataclass(frozen=True)
class Standing:
    """What is known of a service: its tier, 1 is critical; how many depend on it in the end."""

    name: str
    tier: int
    dependants: int

    @property
    def is_many(self) -> bool:
        return self.dependants >= MANY_DEPENDANTS

    def __str__(self) -> str:
        noun = "service depends" if self.dependants == 1 else "services depend"
        count = str(self.dependants) if self.dependants else "no"
        return f"{self.name} is {_TIERS.get(self.tier, 'important')}, and {count} {noun} on it"


def settle(
    said: Severity, *, word: str, is_mapped: bool, standing: Standing | None
) -> tuple[Severity, str]:
    """The severity that counts, and why, as people read it.

    A word that is understood is believed; it is raised by one step when the service is critical
    and many depend on it, and is never lowered. INFO stays: its sender says it is no trouble. A
    word that is not understood leaves it to the service's tier, one step higher for many.
    """
    if is_mapped:
        return _believed(said, word, standing)
    quoted = f"severity “{word[:40]}” is not known" if word else "no severity was said"
    if standing is None:
        return Severity.MEDIUM, f"{quoted}, and no service is named: taken as medium"
    found = _OF_TIER.get(standing.tier, Severity.MEDIUM)
    found = _one_step_up(found) if standing.is_many else found
    return found, f"{quoted}, taken as {found}: {standing}"


def _believed(said: Severity, word: str, standing: Standing | None) -> tuple[Severity, str]:
    told = f"its sender said “{word[:40]}”" if word else f"its sender's format means {said}"
    is_raised = (
        standing is not None
        and standing.tier == 1
        and standing.is_many
        and said not in {Severity.INFO, Severity.CRITICAL}
    )
    if not is_raised:
        return said, told
    found = _one_step_up(said)
    return found, f"{told}; raised from {said} to {found}: {standing}"


def _one_step_up(severity: Severity) -> Severity:
    return list(Severity)[max(SEVERITY_ORDER[severity] - 1, 0)]
