"""What a model answers, as a schema, and how it becomes drafts that code can check."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from analysis.reasoning.claims import KINDS
from analysis.reasoning.ledger import Ledger
from analysis.types import ChangeFact, ClaimDraft, HypothesisDraft, Mechanism

MAX_HYPOTHESES = 5


class Operands(BaseModel):
    """What a claim is about; only the fields of its kind are set."""

    entity: str | None = None
    signal: str | None = None
    op: Literal[">", ">=", "<", "<=", "=="] | None = None
    value: float | str | None = Field(default=None, description="A number, or the word of a state.")
    for_s: float | None = Field(default=None, description="threshold: how long it must last.")
    ratio: float | None = Field(default=None, description="template_spike: how many times more.")
    edge: list[str] | None = Field(default=None, description="threshold: caller and callee.")
    peers: list[str] | None = None
    what: Literal["change", "template", "shift"] | None = None
    change: str | None = None
    field: str | None = None
    template: str | None = None
    text: str | None = None
    path: list[str] | None = None
    first: list[str] | None = None
    then: list[str] | None = None
    necessary: bool | None = Field(
        default=None, description="True: if this fails, the hypothesis is refuted."
    )


class ClaimAnswer(BaseModel):
    kind: str = Field(description=f"One of {', '.join(KINDS)}.")
    statement: str
    evidence: list[int] = Field(description="Numbers of ledger entries, 7 for E7.")
    operands: Operands
    is_for: bool = Field(description="False: it speaks against the hypothesis.")


class HypothesisAnswer(BaseModel):
    entity: str = Field(description="The service that is the cause, as it is called in the ledger.")
    mechanism: Mechanism
    signal: str = Field(description="What shows it: errors, latency, cpu, memory, pool, queue …")
    statement: str
    path: list[str]
    trigger_change: str = Field(description="The id of the change behind it; empty when none is.")
    predictions: list[str] = Field(description="At least one that would refute it.")
    claims: list[ClaimAnswer]


class Answer(BaseModel):
    hypotheses: list[HypothesisAnswer]


def drafts_of(answer: Answer, ledger: Ledger) -> tuple[HypothesisDraft, ...]:
    """The model's hypotheses as drafts, in its order; its words cut to what rows can hold."""
    changes = {c.id: c for c in ledger.facts(ChangeFact)}
    return tuple(
        _draft(given, changes, place)
        for place, given in enumerate(answer.hypotheses[:MAX_HYPOTHESES])
    )


def _draft(given: HypothesisAnswer, changes: dict[str, ChangeFact], place: int) -> HypothesisDraft:
    return HypothesisDraft(
        entity=given.entity[:120],
        mechanism=given.mechanism,
        signal=given.signal[:20],
        statement=given.statement[:300],
        origin="model",
        claims=tuple(claim_of(claim) for claim in given.claims),
        path=tuple(name[:120] for name in given.path),
        trigger=changes.get(given.trigger_change),
        predictions=tuple(text[:300] for text in given.predictions[:4]),
        # Its order counts a little; what holds counts more.
        score=0.5 * (1 - place),
    )


def claim_of(given: ClaimAnswer) -> ClaimDraft:
    operands: dict[str, Any] = given.operands.model_dump(exclude_none=True)
    return ClaimDraft(
        given.kind[:20],
        given.statement[:300],
        tuple(given.evidence),
        operands,
        is_for=given.is_for,
    )
