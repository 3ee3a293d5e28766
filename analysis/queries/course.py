"""The course of an investigation, in the shape its panel shows: what was asked, said and spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.models import Investigation, InvestigationEvent
from analysis.types import ProgressKind

# What an investigation says it is doing, in order (`analysis.reasoning.loop`).
STAGES = ("Gathering evidence", "Testing hypotheses", "Trying to refute", "Ranking")
_SHOWN = 400
_LOOK = {
    ProgressKind.STAGE: "chevron-right",
    ProgressKind.TOOL_STARTED: "search",
    ProgressKind.TOOL_FINISHED: "file-search",
    ProgressKind.HYPOTHESIS_ADDED: "flask-conical",
    ProgressKind.CLAIM_CHECKED: "circle-help",
    ProgressKind.SPENT: "gauge",
    ProgressKind.PROVIDER_SWITCHED: "refresh-cw",
    ProgressKind.REFUSAL: "shield-x",
    ProgressKind.NOTE: "message-square",
    ProgressKind.GUIDANCE: "user-check",
    ProgressKind.SETTLED: "circle-check",
    ProgressKind.CANCELLED: "ban",
}
_VERDICT = {"holds": "circle-check", "fails": "circle-x"}


@dataclass(frozen=True)
class Step:
    """One event. `evidence` are the ledger numbers it leads to."""

    seq: int
    kind: ProgressKind
    text: str
    at: datetime
    author: str
    payload: Mapping[str, Any]

    @property
    def icon(self) -> str:
        return _VERDICT.get(str(self.payload.get("verdict")), _LOOK[self.kind])

    @property
    def evidence(self) -> list[int]:
        found = self.payload.get("evidence", [])
        return found if isinstance(found, list) else [found]

    @property
    def is_of_people(self) -> bool:
        return self.payload.get("origin") == "human"

    @property
    def tool(self) -> str:
        return str(self.payload.get("tool", ""))

    @property
    def query(self) -> str:
        return str(self.payload.get("native_query", ""))

    @property
    def status(self) -> str:
        return str(self.payload.get("status", ""))

    @property
    def coverage(self) -> float:
        return float(self.payload.get("coverage", 1.0))

    @property
    def rows(self) -> int:
        return int(self.payload.get("facts", 0))

    @property
    def verdict(self) -> str:
        return str(self.payload.get("verdict", ""))

    @property
    def why(self) -> str:
        return str(self.payload.get("why", ""))


@dataclass(frozen=True)
class Note:
    """What a person said while it ran, and whether it has been taken in."""

    author: str
    text: str
    at: datetime
    is_taken: bool
    is_hypothesis: bool


@dataclass(frozen=True)
class Course:
    """The steps of the newest attempt, and every word of a person."""

    steps: Sequence[Step] = field(default_factory=list)
    stage: str = ""

    def _of(self, *kinds: ProgressKind) -> list[Step]:
        return [step for step in self.steps if step.kind in kinds]

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Each stage, done, now or ahead; one that only some investigations have, when it came."""
        been = list(dict.fromkeys(step.text for step in self._of(ProgressKind.STAGE)))
        known = list(dict.fromkeys([*STAGES, *been]))
        here = known.index(self.stage) if self.stage in known else -1
        standing = {True: "done", False: "ahead"}
        return [(s, "now" if i == here else standing[i < here]) for i, s in enumerate(known)]

    @property
    def answers(self) -> list[Step]:
        return self._of(ProgressKind.TOOL_FINISHED)

    @property
    def asking(self) -> list[Step]:
        """Questions that wait for their answer."""
        waiting = self._of(ProgressKind.TOOL_STARTED)
        return waiting[len(self.answers) :]

    @property
    def claims(self) -> list[Step]:
        return self._of(ProgressKind.CLAIM_CHECKED)

    @property
    def rivals(self) -> list[Step]:
        """What is put to the test, once it is: what people said stands with their notes."""
        return [step for step in self._of(ProgressKind.HYPOTHESIS_ADDED) if not step.author]

    @property
    def troubles(self) -> list[Step]:
        """Providers that gave up, and what a model refused."""
        return self._of(ProgressKind.PROVIDER_SWITCHED, ProgressKind.REFUSAL)

    @property
    def notes(self) -> list[Note]:
        """What people said. A note is taken in once a later step says so."""
        taken = max((step.seq for step in self._of(ProgressKind.GUIDANCE)), default=0)
        said = self._of(ProgressKind.NOTE, ProgressKind.HYPOTHESIS_ADDED)
        return [
            Note(
                author=step.author,
                text=step.text,
                at=step.at,
                is_taken=step.seq < taken,
                is_hypothesis=step.kind is ProgressKind.HYPOTHESIS_ADDED,
            )
            for step in said
            if step.author
        ]

    @property
    def says(self) -> str:
        """A sentence of the model's own on what it does, where it gives one."""
        told = self._of(ProgressKind.STAGE)
        return str(told[-1].payload.get("says", "")) if told else ""

    @property
    def spent_usd(self) -> float:
        return max((float(s.payload.get("usd", 0)) for s in self._spent), default=0.0)

    @property
    def tokens(self) -> int:
        last = self._spent[-1].payload if self._spent else {}
        return sum(int(last.get(f"{name}_tokens", 0)) for name in ("input", "output", "cache_read"))

    @property
    def _spent(self) -> list[Step]:
        return self._of(ProgressKind.SPENT)

    @property
    def told(self) -> list[Step]:
        """Every step worth a line, oldest first: a question stands in its answer."""
        return [
            s for s in self.steps if s.kind not in (ProgressKind.TOOL_STARTED, ProgressKind.SPENT)
        ]


def course_of(investigation: Investigation) -> Course:
    """One query. Words of people count whichever attempt they fell into."""
    attempt = investigation.attempts
    found = (
        InvestigationEvent.objects.filter(investigation=investigation)
        .select_related("author")
        .order_by("-seq")
    )
    steps = [
        _step(event)
        for event in reversed(found[:_SHOWN])
        if event.attempt == attempt or event.author_id is not None
    ]
    return Course(steps, investigation.stage)


def _step(event: InvestigationEvent) -> Step:
    by = event.author
    return Step(
        seq=event.seq,
        kind=ProgressKind(event.kind),
        text=event.text,
        at=event.at,
        author=(by.get_full_name() or by.get_username()) if by else "",
        payload=event.payload,
    )
