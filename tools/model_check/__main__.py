"""`make model-check`: prints what was searched, what was found, and which seeded defects were."""

import argparse
import gc
import json
import sys
from dataclasses import dataclass, replace

from tools.model_check.defects import (
    BARE,
    COVERED,
    DEFECTS,
    EDITS,
    FAN_OUT,
    KILL,
    POLICY,
    STEPS,
    UNDO,
    WAVE,
    Defect,
)
from tools.model_check.search import Found, search
from tools.model_check.world import Rules

FULL_DEPTH = 14
ANY_DEPTH = 60  # deeper than every world that is searched to its end


@dataclass(frozen=True)
class Configuration:
    name: str
    rules: Rules
    depth: int = ANY_DEPTH


CONFIGURATIONS = (
    Configuration("2 actions, 2 workers, everything", Rules(), FULL_DEPTH),
    Configuration("2 actions, 2 workers, nobody about", BARE),
    Configuration("2 actions, 2 workers, kill switch", KILL),
    Configuration("2 actions, 2 workers, policy edits", POLICY),
    Configuration("2 actions, 2 workers, plan edits", EDITS),
    Configuration("1 action, 2 workers, everything", Rules(executions=1)),
    Configuration("1 action, 3 workers, everything", Rules(executions=1, workers=3)),
    Configuration("1 action and its undo, kill switch", replace(UNDO, may_kill=True)),
    Configuration("plan of 2 steps and their undos", STEPS),
    Configuration("fan-out of 2, canary first, kill switch", replace(FAN_OUT, may_kill=True)),
    Configuration("wave of 2 at once, and their undos", WAVE, 20),
    Configuration("clocks apart, quarantine longer", replace(BARE, skew=1, quarantine=4)),
    Configuration("lease longer than the quarantine", replace(BARE, lease=4)),
)
_ROW = "{:<40} {:>6} {:>10} {:>12} {:>8} {:>11}\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.model_check", description=__doc__)
    parser.add_argument(
        "--depth", type=int, default=FULL_DEPTH, help="of the search with everything at once"
    )
    full = parser.parse_args().depth
    gc.disable()  # millions of small tuples and no cycles: collecting would cost half the time
    sys.stdout.write(_ROW.format("world", "depth", "states", "transitions", "CPU s", "violations"))
    found = [_searched(c, full if c.depth == FULL_DEPTH else c.depth) for c in CONFIGURATIONS]
    sys.stdout.write("\ndepth*: the end was reached; no world lies deeper\n\n")
    caught = [_seeded(defect) for defect in DEFECTS]
    sys.stdout.write(
        "\nguards that another guard covers: without the first alone, without both\n\n"
    )
    covered = [(_seeded(alone, is_covered=True), _seeded(both)) for alone, both in COVERED]
    is_right = (
        not any(f.violation for f in found)
        and all(caught)
        and all(both and not alone for alone, both in covered)
    )
    summary = {
        "states": sum(f.states for f in found),
        "transitions": sum(f.transitions for f in found),
        "depth": found[0].depth,
        "violations": sum(bool(f.violation) for f in found),
        "defects": len(DEFECTS),
        "caught": sum(caught),
        "cpu_seconds": round(sum(f.seconds for f in found), 1),
        "ok": is_right,
    }
    sys.stdout.write(f"\n{json.dumps(summary)}\n")
    return 0 if is_right else 1


def _searched(configuration: Configuration, depth: int) -> Found:
    found = search(configuration.rules, depth=depth)
    end = "*" if found.is_complete else ""
    sys.stdout.write(
        _ROW.format(
            configuration.name,
            f"{found.depth}{end}",
            f"{found.states:,}",
            f"{found.transitions:,}",
            f"{found.seconds:.1f}",
            int(bool(found.violation)),
        )
    )
    if found.violation:
        sys.stdout.write(f"  {found.violation}: {' → '.join(found.trace)}\n")
    sys.stdout.flush()
    return found


def _seeded(defect: Defect, *, is_covered: bool = False) -> bool:
    found = search(defect.rules, depth=ANY_DEPTH)
    word = f"caught at depth {found.depth}" if found.violation else "NOT CAUGHT"
    if is_covered and not found.violation:
        word = f"no violation in all {found.states:,} states"
    sys.stdout.write(f"{defect.name}: {word}\n")
    if found.violation:
        sys.stdout.write(f"    {found.violation}: {' → '.join(found.trace)}\n")
    sys.stdout.flush()
    return bool(found.violation)


if __name__ == "__main__":
    sys.exit(main())
