"""The fitted weights of the alert-storm path, as plain numbers in a file beside the code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Line:
    """A linear score: `bias` + Σ slope · feature."""

    bias: float
    slopes: Mapping[str, float]

    def of(self, features: Mapping[str, float]) -> float:
        return self.bias + sum(self.slopes.get(name, 0.0) * x for name, x in features.items())


@dataclass(frozen=True)
class StormWeights:
    """`mechanisms` score a component by its clues; `faults` tell faults of one mechanism apart.

    `none` is the score of "none of these". Scores are divided by `temperature`; an answer less
    probable than `abstain_below` is held back.
    """

    mechanisms: Mapping[str, Line]
    faults: Mapping[str, Mapping[str, Line]]
    none: float
    temperature: float
    abstain_below: float


def as_weights(row: Mapping[str, Any]) -> StormWeights:
    """Raises KeyError or TypeError where the row is not what `benchmarks.rca.storms` writes."""
    return StormWeights(
        mechanisms={name: _line(found) for name, found in row["mechanisms"].items()},
        faults={
            mechanism: {fault: _line(found) for fault, found in faults.items()}
            for mechanism, faults in row["faults"].items()
        },
        none=float(row["none"]),
        temperature=float(row["temperature"]),
        abstain_below=float(row["abstain_below"]),
    )


def _line(row: Mapping[str, Any]) -> Line:
    return Line(bias=float(row["bias"]), slopes={k: float(v) for k, v in row["slopes"].items()})


@cache
def shipped() -> StormWeights:
    """Made by `python -m benchmarks.rca.storms --write`."""
    text = resources.files(__package__).joinpath("storm_weights.json").read_text()
    return as_weights(json.loads(text))
