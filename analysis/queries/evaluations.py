"""The newest evaluation, shaped for its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.models import Evaluation
from analysis.reasoning.evals.report import ALL, COLUMNS, cell


@dataclass(frozen=True)
class Grid:
    """One table: its caption, what its first column is, and its lines.

    A line is a name and its cells, each with its heading: a phone shows no head of the table.
    """

    caption: str
    first: str
    lines: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class Suite:
    name: str
    overall: Grid
    by_family: tuple[Grid, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationPage:
    made_at: datetime
    seconds: float
    headings: tuple[tuple[str, str], ...]  # heading, what it says
    suites: tuple[Suite, ...]


def newest() -> EvaluationPage | None:
    """None when nobody has run one here."""
    found = Evaluation.objects.first()
    if found is None:
        return None
    return EvaluationPage(
        made_at=found.made_at,
        seconds=found.seconds,
        headings=tuple((heading, meaning) for _, heading, meaning in COLUMNS),
        suites=tuple(_suite(one) for one in found.result["suites"]),
    )


def _suite(told: Mapping[str, Any]) -> Suite:
    rows = told["rows"]
    overall = [row for row in rows if row["family"] == ALL]
    by_family = tuple(
        _grid(
            f"{row['reasoner']}, by family",
            "family",
            [r for r in rows if r["reasoner"] == row["reasoner"] and r["family"] != ALL],
        )
        for row in overall
    )
    notes = tuple(note.removeprefix("- ") for note in told["notes"])
    return Suite(told["name"], _grid(told["name"], "reasoner", overall), by_family, notes)


def _grid(caption: str, first: str, rows: list[Mapping[str, Any]]) -> Grid:
    lines = (
        (str(row[first]), tuple((heading, cell(row[name])) for name, heading, _ in COLUMNS))
        for row in rows
    )
    return Grid(caption, first, tuple(lines))
