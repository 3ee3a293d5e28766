"""Labelled cases with their clues read once, so that weights can be fitted and tried many times."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from analysis.reasoning.rootcause import telemetry
from analysis.types import Case, Clue
from benchmarks.rca.folder import folders, load


@dataclass(frozen=True)
class Label:
    """What was wrong; `accept` is empty where nothing was."""

    dataset: str
    root_cause: str
    accept: tuple[str, ...]
    fault_types: tuple[str, ...]  # the type and its class: either counts
    metrics: tuple[str, ...]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Label":
        return cls(
            dataset=row["dataset"],
            root_cause=row.get("root_cause") or "",
            accept=tuple(row["accept"]),
            fault_types=tuple(t for t in (row.get("fault_type"), row.get("fault_class")) if t),
            metrics=tuple(row.get("metrics") or ()),
        )


@dataclass(frozen=True)
class Example:
    case: Case
    label: Label
    clues: tuple[Clue, ...]
    null: Mapping[str, float]
    seconds: float

    @property
    def system(self) -> str:
        """False alarms of a system belong to it: they are left out together."""
        return self.label.dataset.removesuffix("-quiet")

    @property
    def group(self) -> str:
        """Faults of the same component resemble each other: a fold must not hold some of them."""
        return f"{self.label.dataset}/{self.label.root_cause or self.case.id}"


def telemetry_examples(root: Path) -> list[Example]:
    """The labelled cases that have series; alert storms and snapshots have paths of their own."""
    labels = {name: Label.of(row) for name, row in json.loads(_labels(root)).items()}
    found = []
    for folder in folders(root):
        case = load(folder)
        if case.id in labels and case.series:
            started = perf_counter()
            clues = tuple(telemetry.gather(case))
            null = telemetry.null_features(case)
            found.append(Example(case, labels[case.id], clues, null, perf_counter() - started))
    return found


def _labels(root: Path) -> str:
    return (root / "labels.json").read_text()


def folds(examples: Sequence[Example], count: int) -> list[list[int]]:
    """Indices of each fold; whole groups, dealt out so that every data set is in every fold."""
    groups: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        groups.setdefault(example.group, []).append(i)
    dealt: list[list[int]] = [[] for _ in range(count)]
    order = sorted(groups, key=lambda g: (g.split("/")[0], -len(groups[g]), g))
    for name in order:
        smallest = int(np.argmin([_load(fold, examples, name) for fold in dealt]))
        dealt[smallest].extend(groups[name])
    return dealt


def _load(fold: Sequence[int], examples: Sequence[Example], group: str) -> int:
    dataset = group.split("/", maxsplit=1)[0]
    same = sum(examples[i].label.dataset == dataset for i in fold)
    return same * len(examples) + len(fold)
