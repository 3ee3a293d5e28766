"""Refit the weights of the telemetry path: `python -m benchmarks.rca.fit`.

Writes the file the package ships, with what it was fitted on. Nothing else is learned.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from analysis.reasoning.rootcause import fusion, telemetry
from analysis.reasoning.rootcause.fusion import Weights
from benchmarks.rca import logit
from benchmarks.rca.examples import Example, telemetry_examples

DEV = Path("../shared/data/rca/dev")
FILE = Path(fusion.__file__).with_name("weights.json")
VERSION = 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=DEV)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    examples = telemetry_examples(options.cases)
    found = logit.calibrated(examples)
    options.out.write_text(json.dumps(document(examples, found), indent=2) + "\n")
    print(f"{len(examples)} cases: {options.out}")
    return 0


def document(examples: list[Example], found: Weights) -> dict[str, Any]:
    """The weights and where they come from; sorted, so that the same cases give the same bytes."""
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.label.dataset] = sizes.get(example.label.dataset, 0) + 1
    ids = "\n".join(sorted(example.case.id for example in examples))
    return {
        "version": VERSION,
        "provenance": {
            "command": "python -m benchmarks.rca.fit",
            "cases": dict(sorted(sizes.items())),
            "case_ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
            "stiffness": logit.STIFFNESS,
        },
        "paths": {telemetry.PATH: row(found)},
    }


def row(found: Weights) -> dict[str, Any]:
    return {
        "value": dict(sorted(found.value.items())),
        "dominance": dict(sorted(found.dominance.items())),
        "none": dict(sorted(found.none.items())),
        "temperature": round(found.temperature, 4),
        "abstain_below": found.abstain_below,
    }


if __name__ == "__main__":
    sys.exit(main())
