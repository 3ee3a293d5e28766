"""Diagnose every case of a folder offline: `python -m benchmarks.rca --cases DIR --out FILE`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from analysis.reasoning.rootcause import diagnose
from analysis.types import Case, Diagnosis
from benchmarks.rca.folder import folders, load


def main() -> int:
    """Writes one line a case; 1 if a folder could not be read, 2 if there is none."""
    options = _options()
    found = folders(options.cases)
    if not found:
        print(f"{options.cases} holds no case.json, one folder a case", file=sys.stderr)
        return 2
    unread = 0
    with options.out.open("w") as out:
        for folder in found:
            try:
                case = load(folder)
            except ValueError as error:
                print(f"error: {error}", file=sys.stderr)
                unread += 1
                continue
            started = time.perf_counter()
            said = diagnose(case)
            print(json.dumps(prediction(case, said, time.perf_counter() - started)), file=out)
    print(f"{len(found) - unread} of {len(found)} cases diagnosed: {options.out}")
    return 1 if unread else 0


def prediction(case: Case, said: Diagnosis, seconds: float) -> dict[str, Any]:
    """The line of `FORMAT.md`."""
    return {
        "case": case.id,
        "ranked": [suspect.component for suspect in said.suspects],
        "confidences": [round(suspect.probability, 6) for suspect in said.suspects],
        "fault_type": said.suspects[0].fault_type if said.suspects else None,
        "metric_ranked": [f"{component}|{metric}" for component, metric in said.metrics],
        "abstain": said.is_abstained,
        "seconds": round(seconds, 4),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
