"""The three tools by which a model writes: rivals, claims, and that it is done.

They write to the workbench and nowhere else. Code checks each claim at once and tells what failed.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from analysis.reasoning.answer import Answer, ClaimAnswer, HypothesisAnswer, claim_of, drafts_of
from analysis.reasoning.schemas import strict_schema
from analysis.reasoning.talk import ToolSpec
from analysis.reasoning.workbench import Workbench
from analysis.types import CheckedClaim, ClaimVerdict, Mechanism

MIN_MECHANISMS = 3
Written = tuple[str, bool]  # what is told back, and whether as an error


class Prediction(BaseModel):
    text: str
    would_refute: bool = Field(description="True: if this is seen, the hypothesis is wrong.")


class RivalAnswer(BaseModel):
    entity: str = Field(description="The service that is the cause, as it is called in the ledger.")
    mechanism: Mechanism
    signal: str = Field(description="What shows it: errors, latency, cpu, memory, pool, queue …")
    statement: str
    path: list[str] = Field(description="From the cause to the service of the incident.")
    trigger_change: str = Field(description="The id of the change behind it; empty when none is.")
    predictions: list[Prediction] = Field(description="At least two, one of which would refute it.")


class RecordHypotheses(BaseModel):
    hypotheses: list[RivalAnswer]


class RecordClaims(BaseModel):
    hypothesis: str = Field(description="The name it was given: H1, H2 …")
    claims: list[ClaimAnswer]


class Conclude(BaseModel):
    order: list[str] = Field(description="The names of the hypotheses, the likeliest first.")
    reason: str


_ABOUT: Mapping[str, tuple[str, type[BaseModel]]] = {
    "conclude": (
        "You are done: the rivals in your order. More evidence would not change it.",
        Conclude,
    ),
    "record_claims": (
        (
            "Claims for or against one hypothesis. Each is checked by code at once; what fails is "
            "told back and stays on record."
        ),
        RecordClaims,
    ),
    "record_hypotheses": (
        (
            "Rival explanations with different mechanisms, before you look closer. Calling it "
            "again adds rivals; the same cause keeps its name."
        ),
        RecordHypotheses,
    ),
}
SPECS: tuple[ToolSpec, ...] = tuple(
    ToolSpec(name, about, strict_schema(takes), is_strict=True)
    for name, (about, takes) in _ABOUT.items()
)
NAMES = frozenset(_ABOUT)


class Desk:
    """Takes what a model writes, for one conversation. `why` tells how a check came out."""

    def __init__(self, bench: Workbench, why: Callable[[CheckedClaim], str]) -> None:
        self._bench, self._why = bench, why
        self._asked_for_more = False
        self.is_concluded = False
        self.written = 0  # rivals and claims that were not there before

    def write(self, name: str, arguments: Mapping[str, Any] | None) -> Written:
        """Run one of the write tools. Whatever does not fit is told back, never raised."""
        takes = _ABOUT[name][1]
        try:
            given = takes.model_validate(arguments)
        except ValidationError as error:
            return _complaint(error), True
        tool: Callable[[Any], Written] = getattr(self, f"_{name}")
        return tool(given)

    def adopt(self, answer: Answer) -> None:
        """Take a whole answer in: hypotheses in their order, with their claims checked."""
        names = []
        for given, draft in zip(
            answer.hypotheses, drafts_of(answer, self._bench.ledger), strict=False
        ):
            name = self._bench.propose(draft)
            names.append(name)
            for claim in given.claims if name else ():
                self._claim(name, claim)
        self._bench.order(names)

    def _record_hypotheses(self, given: RecordHypotheses) -> Written:
        short = next((r.statement for r in given.hypotheses if not _is_risky(r)), None)
        if short is not None:
            return f"at least two predictions, one that would refute it: {short[:120]}", True
        answer = Answer(hypotheses=[_as_answer(rival) for rival in given.hypotheses])
        known = set(self._bench.rivals)
        named = [
            self._bench.propose(draft) or "no room for more"
            for draft in drafts_of(answer, self._bench.ledger)
        ]
        self.written += len(set(self._bench.rivals) - known)
        told = json.dumps({"recorded": named}, sort_keys=True)
        mechanisms = {rival.draft.mechanism for rival in self._bench.rivals.values()}
        if len(mechanisms) < MIN_MECHANISMS and not self._asked_for_more:
            self._asked_for_more = True
            return (
                (
                    f"{told} They cover {len(mechanisms)} of the {MIN_MECHANISMS} mechanisms asked "
                    "for: add rivals of other mechanisms, or go on when the evidence allows none."
                ),
                True,
            )
        return told, False

    def _record_claims(self, given: RecordClaims) -> Written:
        if given.hypothesis not in self._bench.rivals:
            known = ", ".join(self._bench.rivals) or "none yet"
            return f"no hypothesis {given.hypothesis[:20]!r}; there are: {known}", True
        checked = [self._claim(given.hypothesis, claim) for claim in given.claims]
        rows = [
            self._row(claim, result) for claim, result in zip(given.claims, checked, strict=True)
        ]
        is_wrong = any(c is None or c.verdict is ClaimVerdict.FAILS for c in checked)
        return json.dumps(rows, sort_keys=True), is_wrong

    def _conclude(self, given: Conclude) -> Written:
        if not self._bench.rivals:
            return "record the rival hypotheses first", True
        self._bench.order(given.order)
        self.is_concluded = True
        return "noted", False

    def _claim(self, name: str, given: ClaimAnswer) -> CheckedClaim | None:
        before = len(self._bench.rivals[name].claims)
        checked = self._bench.claim(name, claim_of(given))
        self.written += len(self._bench.rivals[name].claims) - before
        return checked

    def _row(self, given: ClaimAnswer, checked: CheckedClaim | None) -> dict[str, str]:
        if checked is None:
            why = "it cites no evidence that exists, so it does not exist"
            return {"claim": given.statement[:120], "verdict": "dropped", "why": why}
        return {
            "claim": given.statement[:120],
            "verdict": str(checked.verdict),
            "why": self._why(checked),
        }


def _is_risky(rival: RivalAnswer) -> bool:
    return len(rival.predictions) >= 2 and any(p.would_refute for p in rival.predictions)


def _as_answer(rival: RivalAnswer) -> HypothesisAnswer:
    """What would refute it comes first: that is what a reader has to look for."""
    risky = sorted(rival.predictions, key=lambda p: not p.would_refute)
    fields = {**rival.model_dump(), "predictions": [p.text for p in risky], "claims": []}
    return HypothesisAnswer.model_validate(fields)


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"that does not fit: {where[:80]}: {first['msg'][:200]}"
