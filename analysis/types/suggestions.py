"""What people put forward as a cause: tested like every other hypothesis, proof of nothing."""

from dataclasses import dataclass

from analysis.types.conclusions import Mechanism


@dataclass(frozen=True)
class Suggestion:
    entity: str
    mechanism: Mechanism
    statement: str
