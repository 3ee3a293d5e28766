"""How right is the reasoner on cases it was not fitted on: `python -m benchmarks.rca.validate`.

Three ways to hold cases out: none (shipped weights, in-sample), out of fold (faults of the same
component stay together) and leave one system out (its false alarms with it). Alert storms come from
one system: there the third way leaves one service out. Then the baselines. Every number but
`fault|cause` comes from the scorer beside the data.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from analysis.reasoning.rootcause import storms as storm_path
from analysis.reasoning.rootcause import telemetry
from analysis.reasoning.rootcause.fusion import Weights, weights
from analysis.types import Case, Diagnosis
from benchmarks.rca import logit
from benchmarks.rca import storms as storm_bench
from benchmarks.rca.__main__ import prediction
from benchmarks.rca.baselines import BASELINES, Ranking
from benchmarks.rca.examples import Example, telemetry_examples
from benchmarks.rca.storm_fit import Labelled

DEV = Path("../shared/data/rca/dev")
SCORER = Path("../shared/data/rca/score.py")
STORM_FOLDS = {"out of fold": 4, "leave one system out": 99}
COLUMNS = ("n", "AC@1", "AC@3", "fault", "Brier", "ECE", "ECE0", "AUROC", "a@80", "cover", "s_p95")


@dataclass(frozen=True)
class Judged:
    """A prediction, and whether the fault type of the true component is right (None: no label)."""

    dataset: str
    line: Mapping[str, Any]
    is_fault_right: bool | None = None


def main() -> int:
    options = _options()
    examples = telemetry_examples(options.cases)
    found = storm_bench.read(options.cases)
    for name, judged in _methods(examples, found):
        _print(name, judged, options)
    return 0


def _methods(
    examples: Sequence[Example], found: Sequence[Labelled]
) -> Iterator[tuple[str, list[Judged]]]:
    shipped = weights(telemetry.PATH)
    yield (
        "in-sample",
        [
            *_telemetry(examples, [shipped] * len(examples)),
            *(_storm(one, storm_path.diagnose(one.case)) for one in found),
        ],
    )
    for name, held_out in (
        ("out of fold", _out_of_fold(examples)),
        ("leave one system out", _without_system(examples)),
    ):
        yield name, [*_telemetry(examples, held_out), *_held_out_storms(found, STORM_FOLDS[name])]
    cases = [example.case for example in examples] + [one.case for one in found]
    for name, ranking in BASELINES.items():
        yield name, [_baseline(case, ranking) for case in cases]


def _out_of_fold(examples: Sequence[Example]) -> list[Weights]:
    """The temperature of a case is fitted on the predictions of the other folds' cases."""
    held_out = logit.out_of_fold(examples)
    pairs = list(zip(examples, held_out, strict=True))
    heats = {}
    for group in {example.group for example in examples}:
        others = [pair for pair in pairs if pair[0].group != group]
        heats[group] = logit.temperature([e for e, _ in others], [w for _, w in others])
    return [replace(w, temperature=heats[e.group]) for e, w in pairs]


def _without_system(examples: Sequence[Example]) -> list[Weights]:
    fitted = {
        system: logit.calibrated([e for e in examples if e.system != system])
        for system in sorted({example.system for example in examples})
    }
    return [fitted[example.system] for example in examples]


def _telemetry(examples: Sequence[Example], weighing: Sequence[Weights]) -> Iterator[Judged]:
    for example, chosen in zip(examples, weighing, strict=True):
        said = telemetry.conclude(example.case, example.clues, chosen)
        line = prediction(example.case, said, example.seconds)
        faults = [s.fault_type for s in said.suspects if s.component == example.label.root_cause]
        right = faults[0] in example.label.fault_types if faults else None
        yield Judged(example.label.dataset, line, right)


def _held_out_storms(found: Sequence[Labelled], folds: int) -> Iterator[Judged]:
    for row in storm_bench.judged(found, storm_bench.split(found, folds, by_service=True, seed=0)):
        yield _storm(row["one"], row["said"], is_fault_right=bool(row["fault_given"]))


def _storm(one: Labelled, said: Diagnosis, *, is_fault_right: bool | None = None) -> Judged:
    return Judged("alerts", prediction(one.case, said, 0.0), is_fault_right)


def _baseline(case: Case, ranking: Ranking) -> Judged:
    scores = ranking(case)
    ranked = sorted(case.candidates, key=lambda name: (-scores[name], name))
    return Judged("", {"case": case.id, "ranked": ranked})


def _print(name: str, judged: Sequence[Judged], options: argparse.Namespace) -> None:
    """One line a data set, the unweighted mean of the sets, and the false alarms."""
    scores = _scored(judged, options)
    rows = {**scores["datasets"], "POOLED": scores["POOLED"], "MACRO": scores["MACRO"]}
    print(f"\n{name}\n{'':18}" + "".join(f"{column:>7}" for column in COLUMNS))
    for dataset, row in rows.items():
        print(f"{dataset:18}" + "".join(f"{_cell(row.get(column)):>7}" for column in COLUMNS))
    given: dict[str, list[bool]] = {}
    for one in judged:
        if one.is_fault_right is not None:
            given.setdefault(one.dataset, []).append(one.is_fault_right)
    for dataset, rights in sorted(given.items()):
        print(f"fault|cause {dataset}: {sum(rights) / len(rights):.3f}")
    for dataset, row in scores["quiet"].items():
        print(f"{dataset}: {row['specificity']:.3f} of {row['n']} false alarms abstained")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _scored(judged: Sequence[Judged], options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as room:
        lines, out = Path(room) / "predictions.jsonl", Path(room) / "scores.json"
        lines.write_text("\n".join(json.dumps(one.line) for one in judged) + "\n")
        labels = str(options.cases / "labels.json")
        command = [sys.executable, str(options.scorer), "--labels", labels, "--pred", str(lines)]
        subprocess.run([*command, "--json", str(out)], check=True, capture_output=True)
        scores: dict[str, Any] = json.loads(out.read_text())
    return scores


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=Path, default=DEV)
    parser.add_argument("--scorer", type=Path, default=SCORER)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
