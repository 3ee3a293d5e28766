"""What leaves for a model: looked at, counted, kept on record. See docs/explain/gate.md."""

from analysis.reasoning.gate.budget import Budget, Ceilings, Purse
from analysis.reasoning.gate.cassette import Cassette
from analysis.reasoning.gate.door import Gate
from analysis.reasoning.gate.pseudonyms import Pseudonyms
from analysis.reasoning.gate.stops import BudgetExhausted, LeakStopped, ReplayMiss, Stopped

__all__ = [
    "Budget",
    "BudgetExhausted",
    "Cassette",
    "Ceilings",
    "Gate",
    "LeakStopped",
    "Pseudonyms",
    "Purse",
    "ReplayMiss",
    "Stopped",
]
