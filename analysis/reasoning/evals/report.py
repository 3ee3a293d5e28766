"""The table of an evaluation: one row a reasoner and set of worlds, as JSON and as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.reasoning.evals.scoring import Answered, Truth, score

# Column, its heading, and what it says to who reads the table.
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("n", "worlds", "with a cause that can be told"),
    ("ac1", "AC@1", "the first named is the cause"),
    ("ac3", "AC@3", "the cause is among the first three"),
    ("avg5", "Avg@5", "mean of AC@1 to AC@5"),
    ("mechanism", "mechanism", "right, where the cause is"),
    ("path_grounded", "path", "right, with a verified path to the symptom"),
    ("false_cause", "false cause", "of those answered; less is better"),
    ("abstention_precision", "abst. prec.", "abstained rightly"),
    ("abstention_recall", "abst. recall", "wrong leads that were not sold as a cause"),
    ("claim_failures", "claims failed", "of those a reasoner made; less is better"),
    ("brier", "Brier", "less is better"),
    ("ece", "ECE", "less is better"),
    ("usd", "US$", "spent on models"),
)
ALL = "all"


def table(
    answers: Mapping[str, Sequence[Answered]], truths: Sequence[Truth]
) -> list[dict[str, Any]]:
    """Rows {"reasoner", "family", scores…}: every reasoner over all worlds, then by family."""
    families = [ALL, *sorted({t.family for t in truths})]
    rows = []
    for reasoner, given in answers.items():
        for family in families:
            chosen = [t for t in truths if family in {ALL, t.family}]
            names = {t.world for t in chosen}
            scores = score([a for a in given if a.world in names], chosen)
            rows.append({"reasoner": reasoner, "family": family, **scores.as_json()})
    return rows


def flips(answers: Sequence[Answered], twin_of: Mapping[str, str]) -> list[str]:
    """Twins that were not settled like the world they must be settled like."""
    by_world = {a.world: _settled(a) for a in answers}
    return [twin for twin, base in sorted(twin_of.items()) if by_world[twin] != by_world[base]]


def _settled(answer: Answered) -> tuple[object, ...]:
    shares = tuple(round(c, 6) for c in answer.confidences)
    return answer.outcome, answer.ranked, answer.mechanism, shares


def markdown(rows: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> str:
    """The rows over all worlds, then those by family of each reasoner, then the notes."""
    overall = [row for row in rows if row["family"] == ALL]
    parts = ["## All worlds", _grid(overall, "reasoner")]
    for row in overall:
        own = [r for r in rows if r["reasoner"] == row["reasoner"] and r["family"] != ALL]
        parts += [f"## {row['reasoner']}, by family", _grid(own, "family")]
    explained = [f"- **{heading}**: {meaning}" for _, heading, meaning in COLUMNS]
    return "\n\n".join([*parts, "\n".join([*notes, *explained])]) + "\n"


def _grid(rows: Sequence[Mapping[str, Any]], first: str) -> str:
    head = [first, *(heading for _, heading, _ in COLUMNS)]
    lines = [head, ["---"] * len(head)]
    lines += [[str(row[first]), *(cell(row[name]) for name, _, _ in COLUMNS)] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(value: object) -> str:
    """A number as a table shows it; a dash where nothing could be counted."""
    if value is None:
        return "–"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
