"""What the rules find in a live cluster, as facts for the ledger."""

from collections.abc import Sequence

from analysis.reasoning.kubernetes.candidates import Candidates
from analysis.reasoning.kubernetes.engine import RULES, findings
from analysis.reasoning.kubernetes.findings import Fault, Finding
from analysis.reasoning.kubernetes.reading import of_objects
from analysis.types import BROKEN, Inventory, State

TELLING = 0.75  # a rule this strong says what is broken; below it only says that something is
_LEAST = 0.4  # what is only counted is no fact of an object
TROUBLE = "trouble: "
_MOST = 40  # facts of one look; a cluster in flames does not fill the ledger
_FAULTS: dict[str, Fault] = {rule.name: rule.fault for rule in RULES}


def broken(held: Inventory, services: Sequence[str], now: float) -> list[State]:
    """A State for each rule that fires: its field names the rule, its value is the two facts.

    The entity is a service of the incident where the object belongs to one, else its own name.
    `now` in Unix seconds. Only `broken: ` names a cause; `trouble: ` may be the harm of another.
    """
    snap = of_objects(held.items, held.events, held.listed)
    known = Candidates(tuple(services), snap)
    found: dict[tuple[str, str], State] = {}
    for finding in findings(snap):
        if finding.strength < _LEAST:
            continue
        mark = BROKEN if finding.strength >= TELLING else TROUBLE
        state = State(_entity(finding, known), f"{mark}{finding.rule}", _value(finding), now)
        found.setdefault((state.entity, finding.rule), state)
    return list(found.values())[:_MOST]


def fault_of(field: str) -> Fault:
    """The type of fault of the rule that a State's field names."""
    return _FAULTS.get(field.removeprefix(BROKEN), Fault.UNKNOWN)


def _entity(finding: Finding, known: Candidates) -> str:
    met = known.along(finding.about) if known.ids else []
    return met[0] if met else finding.object.name


def _value(finding: Finding) -> str:
    return f"{finding.facts[0]} | {finding.facts[1]}"
