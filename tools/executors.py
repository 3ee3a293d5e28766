"""Prints docs/reference/executors.md from what every kind guarantees and is tested on.

A test compares the two, so that the page cannot go stale.
"""

import inspect
import sys
from importlib import import_module

from remediation.execution import executors, registry
from remediation.execution.base import Guarantees
from remediation.types import ExecutorKind
from tests.contract.executors.rigs import RIGS

HEAD = """\
# Executors

The only code of AIRRA that changes production, one kind for each sort of target. One contract
suite, `tests/contract/executors`, proves every cell below on the targets that are named; where a
kind cannot promise something, the suite proves the weaker behaviour that is written here.

What holds for every kind: a dry run changes nothing and says the same twice; applying does what
the diff said; nothing is sent after the lease; a refused connection is “did not happen”, and no
answer is “unknown”, never “failed”; a target that moved since the dry run is left alone; a
selector that finds nothing, or more than it may touch, is an error; and what the credential may
not do is refused by the target and said so.

- *Dry run*: `server`, the target itself worked out the change; `simulated`, AIRRA worked it out
  from what the target says of itself; `described`, a sentence.
- *Probe*: can it tell, without an answer, whether an attempt happened?
- *Target holds the version*: the target itself refuses another version than the planned one. With
  “no”, AIRRA looks right before the effect, and a change in the moment after that look goes unseen.
- *Same key once*: the target itself makes sure of it. With “no”, AIRRA's own look refuses the
  second one, and two at the same moment could both act; AIRRA's lock on the target is what
  prevents that.
- *Lands within*: seconds after the intent by which an attempt has landed or never will. AIRRA says
  “it did not happen” only after that long.
"""
COLUMNS = (
    "Kind",
    "Tested against",
    "Actions",
    "Exact undo",
    "Dry run",
    "Probe",
    "Target holds the version",
    "Same key once",
    "Lands within",
)


def page() -> str:
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(row(kind) for kind in registry.KINDS)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    words = "\n\n".join(f"## {kind}\n\n{said_of(kind)}" for kind in registry.KINDS)
    return f"{HEAD}\n{table}\n\n{words}\n"


def said_of(kind: ExecutorKind) -> str:
    """What its module says of itself, so that nobody has to write it twice."""
    return inspect.cleandoc(import_module(f"{executors.__name__}.{kind}").__doc__ or "")


def row(kind: ExecutorKind) -> tuple[str, ...]:
    promised: Guarantees = registry.guarantees(kind)
    against = [case.rig.against for case in RIGS.values() if case.rig.kind is kind]
    return (
        f"`{kind}`",
        "; ".join(dict.fromkeys(against)),
        _keys(promised.actions),
        _keys(promised.undoes),
        promised.fidelity.value,
        _word(is_so=promised.has_probe),
        _word(is_so=promised.has_precondition),
        _word(is_so=promised.is_idempotent),
        f"{promised.credential_life_s:g} s",
    )


def _keys(keys: frozenset[str]) -> str:
    return ", ".join(f"`{key}`" for key in sorted(keys)) or "none"


def _word(*, is_so: bool) -> str:
    return "yes" if is_so else "no"


if __name__ == "__main__":
    sys.stdout.write(page())
