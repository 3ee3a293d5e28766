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

RULES: tuple[Rule, ...] = tuple(
    one
    for module in (startup, images, config, scheduling, quota, storage, probes, routing, policies,
                   scaling, nodes, control, access, database, traffic)
    for one in module.RULES
)  # fmt: skip


def findings(snap: Snapshot) -> list[Finding]:
    """What the rules find, the strongest first; one a rule and object. Deterministic."""
    return best([finding for rule in RULES for finding in rule.findings(snap)])
