"""What was found, in sentences: each cites evidence that exists, or it is not there."""

import re
from collections.abc import Collection

from analysis.reasoning import prompts
from analysis.reasoning.reasoners.dialogue import Dialogue, Room
from analysis.reasoning.showing import Showing, dumped
from analysis.reasoning.talk import Model, Stop
from analysis.types import ClaimVerdict, SettledHypothesis, Settlement

STAGE = "Writing it down"
MAX_SENTENCES = 8
_MARK = re.compile(r"\[((?:E\d+(?:\s*[,;]\s*)?)+)\]")
_NUMBER = re.compile(r"E(\d+)")
# A sentence ends behind its full stop, and behind the mark that may follow it.
_END = re.compile(r"(?<=[.!?])\s+(?!\[E\d)|(?<=[.!?]\])\s+|(?<=\d\])\s+(?=[A-Z])|\n+")


def narrate_with(model: Model, room: Room, settlement: Settlement) -> str:
    """The model's words, as far as they cite; empty when none do. Raises `ReasonerError`.

    Nothing is asked where something may not leave: what was concluded may rest on it.
    """
    if Showing(room.bench, room.gate.visible).hides_something():
        return ""
    talk = Dialogue(room, model, stage=STAGE, system=prompts.NARRATE)
    talk.say(dumped(_facts(settlement)))
    turn = talk.turn()
    known = {entry.seq for entry in room.bench.ledger.entries}
    return cited(turn.text, known) if turn.stop is Stop.DONE else ""


def cited(text: str, known: Collection[int]) -> str:
    """The sentences that cite evidence, all of which exists; the others are dropped."""
    kept = []
    for sentence in _END.split(text.strip()):
        numbers = [int(n) for mark in _MARK.findall(sentence) for n in _NUMBER.findall(mark)]
        if numbers and set(numbers) <= set(known):
            kept.append(sentence.strip())
    return " ".join(kept[:MAX_SENTENCES])


def narrative(settlement: Settlement) -> str:
    """The same without a model: the claims that hold, for the first hypothesis and against it."""
    if not settlement.hypotheses:
        return ""
    best = settlement.hypotheses[0]
    sentences = [
        f"{claim.draft.statement.rstrip('.')}: {claim.explanation.rstrip('.')} "
        f"[{', '.join(f'E{n}' for n in claim.draft.evidence)}]."
        for claim in sorted(best.claims, key=lambda c: not c.draft.is_for)
        if claim.verdict is ClaimVerdict.HOLDS
    ]
    return " ".join(sentences[:MAX_SENTENCES])


def _facts(settlement: Settlement) -> dict[str, object]:
    return {
        "outcome": str(settlement.outcome),
        "summary": settlement.summary,
        "open_questions": list(settlement.open_questions),
        "hypotheses": [_hypothesis(h) for h in settlement.hypotheses],
    }


def _hypothesis(given: SettledHypothesis) -> dict[str, object]:
    return {
        "statement": given.draft.statement,
        "state": str(given.state),
        "confidence": given.confidence,
        "path": list(given.draft.path),
        "claims": [
            {
                "statement": claim.draft.statement,
                "is_for": claim.draft.is_for,
                "verdict": str(claim.verdict),
                "why": claim.explanation,
                "evidence": [f"E{n}" for n in claim.draft.evidence],
            }
            for claim in given.claims
        ],
    }
