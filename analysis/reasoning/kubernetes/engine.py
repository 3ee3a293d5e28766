"""All rules over a snapshot."""

from analysis.reasoning.kubernetes.findings import Finding, Rule, best
from analysis.reasoning.kubernetes.model import Snapshot
from analysis.reasoning.kubernetes.rules import (
    access,
    config,
    control,
    database,
    images,
    nodes,
    policies,
    probes,
    quota,
    routing,
    scaling,
    scheduling,
    startup,
    storage,
    traffic,
)
from analysis.reasoning.kubernetes.victims import excused

_MODULES = (
    startup,
    images,
    config,
    scheduling,
    quota,
    storage,
    probes,
    routing,
    policies,
    scaling,
    nodes,
    control,
    access,
    database,
    traffic,
)
RULES: tuple[Rule, ...] = tuple(one for module in _MODULES for one in module.RULES)
# What the rules of each module are about, and the rules.
TOPICS: tuple[tuple[str, tuple[Rule, ...]], ...] = tuple(
    ((module.__doc__ or "").partition(".")[0].partition(":")[0], module.RULES)
    for module in _MODULES
)


def findings(snap: Snapshot) -> list[Finding]:
    """What the rules find, the strongest first; one a rule and object. Deterministic."""
    found = best([finding for rule in RULES for finding in _tried(rule, snap)])
    return best(excused(snap, found))


def _tried(rule: Rule, snap: Snapshot) -> list[Finding]:
    """An object that no API server would have taken silences one rule, not the rest."""
    try:
        return rule.findings(snap)
    except (AttributeError, KeyError, TypeError, ValueError):
        return []
