"""What the API gives of an investigation."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from analysis.models import InvestigationEvent
from analysis.queries.hypotheses import ClaimRow, HypothesisRow
from analysis.types import Mechanism
from incidents.api.schemas import Text


class SteerIn(Schema):
    text: Text = Field(min_length=1, max_length=500)


class HypothesisIn(Schema):
    service: Text = Field(min_length=1, max_length=120)
    mechanism: Mechanism
    statement: Text = Field(min_length=1, max_length=300)


class StepOut(Schema):
    seq: int
    at: datetime
    kind: str
    text: str
    by: str
    payload: dict[str, Any]

    @staticmethod
    def resolve_by(event: InvestigationEvent) -> str:
        return event.author.get_username() if event.author else "AIRRA"


class ClaimOut(Schema):
    statement: str
    is_for: bool
    verdict: str
    weight: str
    explanation: str
    evidence: list[str]

    @staticmethod
    def resolve_evidence(row: ClaimRow) -> list[str]:
        return [f"E{piece.seq}" for piece in row.evidence]


class HypothesisOut(Schema):
    id: UUID
    rank: int
    entity: str
    mechanism: str
    statement: str
    state: str
    confidence: float
    caps: list[str]
    path: list[str]
    trigger: dict[str, Any]
    predictions: list[str]
    claims: list[ClaimOut]


class EvidenceOut(Schema):
    seq: int
    tool: str
    source: str
    native_query: str
    window_start: datetime
    window_end: datetime
    status: str
    coverage: float
    summary: str


class InvestigationOut(Schema):
    id: UUID
    state: str
    stage: str
    outcome: str
    reasoner: str
    summary: str
    open_questions: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def hypothesis_out(row: HypothesisRow) -> dict[str, Any]:
    """A hypothesis with its claims, as `HypothesisOut` wants it."""
    h = row.hypothesis
    names = (
        "id", "rank", "entity", "mechanism", "statement", "state", "confidence", "caps", "path",
        "trigger", "predictions",
    )  # fmt: skip
    return {**{name: getattr(h, name) for name in names}, "claims": row.claims}
