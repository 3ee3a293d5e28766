"""The panel of hypotheses and the ledger behind it: what speaks for each, and what against.

States and numbers were settled by code; here they are only shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from analysis.models import Evidence, Hypothesis, Investigation, SharedInvestigation
from analysis.queries import course, investigations
from analysis.queries.course import Course
from analysis.queries.evidence import LEDGER_FIELDS, EvidenceRow, evidence_row
from analysis.types import ClaimVerdict, HypothesisState, Outcome
from incidents.lifecycle import State
from incidents.models import Incident

# Outcomes in which no cause is stated as fact.
ABSTAINED = (Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.COULD_NOT_INVESTIGATE)

# What an investigation ran out of (`analysis.reasoning.limits.Ended`).
_BUDGET = {
    "turns": "its turns were used up",
    "tool_calls": "its tool calls were used up",
    "time": "its time was over",
    "money": "its money was spent",
}
_TOKENS = ("input", "output", "cache_read", "cache_write")
_CLAIM_FIELDS = (
    "claims__id", "claims__hypothesis_id", "claims__kind", "claims__is_for", "claims__statement",
    "claims__verdict", "claims__weight", "claims__explanation",
    "claims__is_tainted",
)  # fmt: skip


@dataclass(frozen=True)
class ClaimRow:
    kind: str
    statement: str
    is_for: bool
    verdict: str
    weight: str
    explanation: str
    is_tainted: bool
    evidence: list[EvidenceRow] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return self.verdict == ClaimVerdict.FAILS

    @property
    def is_checked(self) -> bool:
        return self.verdict != ClaimVerdict.UNCHECKABLE


@dataclass(frozen=True)
class HypothesisRow:
    hypothesis: Hypothesis
    claims: list[ClaimRow]

    @property
    def speaking_for(self) -> list[ClaimRow]:
        return [c for c in self.claims if c.is_for and not c.failed]

    @property
    def speaking_against(self) -> list[ClaimRow]:
        return [c for c in self.claims if not c.is_for and not c.failed]

    @property
    def failed(self) -> list[ClaimRow]:
        return [c for c in self.claims if c.failed]

    @property
    def has_verified_path(self) -> bool:
        return any(c.kind == "path" and c.verdict == ClaimVerdict.HOLDS for c in self.speaking_for)

    @property
    def chain(self) -> list[tuple[str, str]]:
        """The services from cause to symptom, each with its part in it."""
        names = self.hypothesis.path or [self.hypothesis.entity]
        if len(names) == 1:
            return [(names[0], "cause and symptom")]
        between = [(name, "passes it on") for name in names[1:-1]]
        return [(names[0], "cause"), *between, (names[-1], "symptom")]

    @property
    def is_ruled_out(self) -> bool:
        if self.hypothesis.verdict:
            return self.hypothesis.verdict == Hypothesis.Verdict.RULED_OUT
        return self.hypothesis.state == HypothesisState.REFUTED


@dataclass(frozen=True)
class Panel:
    """Everything the hypotheses section and the ledger section show."""

    investigation: Investigation | None = None
    hypotheses: list[HypothesisRow] = field(default_factory=list)
    ledger: list[EvidenceRow] = field(default_factory=list)
    course: Course = field(default_factory=Course)
    history: Sequence[Investigation] = ()  # the others of this incident
    shared_reason: str = ""  # why it is another incident's and answers for this one too
    labels: int = 0  # hypotheses that people have judged in this workspace
    cost_usd: float = 0.0
    is_unpriced: bool = False  # a part of the cost is not known

    @property
    def ranked(self) -> list[HypothesisRow]:
        return [row for row in self.hypotheses if not row.is_ruled_out]

    @property
    def ruled_out(self) -> list[HypothesisRow]:
        return [row for row in self.hypotheses if row.is_ruled_out]

    @property
    def top(self) -> HypothesisRow | None:
        return self.ranked[0] if self.ranked else None

    @property
    def is_running(self) -> bool:
        return self.investigation is not None and self.investigation.state in Investigation.LIVE

    @property
    def may_be_cancelled(self) -> bool:
        run = self.investigation
        return self.is_running and run is not None and run.cancel_requested_at is None

    @property
    def abstained(self) -> bool:
        return self.investigation is not None and self.investigation.outcome in ABSTAINED

    @property
    def lasted_s(self) -> float | None:
        run = self.investigation
        if run is None or run.started_at is None or run.finished_at is None:
            return None
        return (run.finished_at - run.started_at).total_seconds()

    @property
    def tokens(self) -> int:
        usage = self.investigation.usage if self.investigation else {}
        return sum(int(usage.get(f"{name}_tokens", 0)) for name in _TOKENS)

    @property
    def is_uncalibrated(self) -> bool:
        return self.labels < investigations.FEW_LABELS

    @property
    def few_labels(self) -> int:
        return investigations.FEW_LABELS

    @property
    def ceiling_usd(self) -> float:
        return float(settings.MODEL_BUDGET_USD)

    @property
    def budget_end(self) -> str:
        """Which part of its budget ended it, in words; "" when none did."""
        return _BUDGET.get(self.investigation.ended, "") if self.investigation else ""

    @property
    def blind_spots(self) -> list[EvidenceRow]:
        """Tool runs that say nothing about health: no data is not good news."""
        return [row for row in self.ledger if row.status in {"no_data", "error", "denied"}]

    @property
    def path(self) -> list[str]:
        return list(self.top.hypothesis.path) if self.top else []

    @property
    def tag(self) -> str:
        run = self.investigation
        return f"{run.pk}.{run.state}.{run.last_event}" if run else ""


def is_awaited(incident: Incident) -> bool:
    """Whether AIRRA will look into it by itself, once the signals have settled."""
    return State(incident.state) in (State.OPEN, State.ACKNOWLEDGED)


@dataclass(frozen=True)
class TopCause:
    """What the incident list shows of the newest investigation."""

    statement: str
    confidence: float
    abstained: bool
    confirmed: bool


def panel(incident: Incident) -> Panel:
    """The newest investigation with its hypotheses and ledger. Three queries."""
    return panel_of(investigations.of(incident))


def panel_of(runs: Sequence[Investigation]) -> Panel:
    """The first of these (`investigations.of`) as it stands. Two queries."""
    if not runs:
        return Panel()
    run = runs[0]
    ledger, claims = _ledger_with_claims(run)
    is_live = run.state in Investigation.LIVE
    found = Hypothesis.objects.filter(investigation=run).select_related("verdict_by", "service")
    rows = [] if is_live else [HypothesisRow(h, claims.get(h.pk, [])) for h in found]
    return Panel(
        run,
        rows,
        ledger,
        course.course_of(run) if is_live else Course(),
        history=runs[1:],
        shared_reason=getattr(run, "shared_reason", ""),
        labels=getattr(run, "labels", 0),
        cost_usd=getattr(run, "cost_microusd", 0) / 1_000_000,
        is_unpriced=getattr(run, "is_unpriced", False),
    )


def row_of(hypothesis: Hypothesis) -> HypothesisRow:
    """One rival with what speaks for it and against it. One query, and one for its run."""
    _, claims = _ledger_with_claims(hypothesis.investigation)
    return HypothesisRow(hypothesis, claims.get(hypothesis.pk, []))


def _attempts(run: Investigation) -> QuerySet[Evidence, dict[str, Any]]:
    """The ledger of the newest attempt, each row once for every claim that cites it."""
    return Evidence.objects.filter(
        investigation=run, attempt=max(1, run.attempts)
    ).order_by("seq").values(*LEDGER_FIELDS, *_CLAIM_FIELDS)  # fmt: skip


def _ledger_with_claims(
    run: Investigation,
) -> tuple[list[EvidenceRow], Mapping[UUID, list[ClaimRow]]]:
    """Every tool run, and every claim by its hypothesis, in one query.

    A claim without evidence does not exist, so the ledger joined with who cites it has them all.
    """
    ledger: dict[UUID, EvidenceRow] = {}
    claims: dict[UUID, ClaimRow] = {}
    by_hypothesis: dict[UUID, list[ClaimRow]] = {}
    for row in _attempts(run):
        evidence = ledger.setdefault(row["id"], evidence_row(row))
        if row["claims__id"] is None:
            continue
        claim = claims.get(row["claims__id"])
        if claim is None:
            claim = claims[row["claims__id"]] = _claim_row(row)
            by_hypothesis.setdefault(row["claims__hypothesis_id"], []).append(claim)
        claim.evidence.append(evidence)
    for listed in by_hypothesis.values():
        listed.sort(key=lambda c: (_WEIGHT_ORDER.get(c.weight, 3), not c.is_checked))
    return list(ledger.values()), by_hypothesis


_WEIGHT_ORDER = {"decisive": 0, "strong": 1, "weak": 2}


def _claim_row(row: Mapping[str, Any]) -> ClaimRow:
    return ClaimRow(
        kind=row["claims__kind"],
        statement=row["claims__statement"],
        is_for=row["claims__is_for"],
        verdict=row["claims__verdict"],
        weight=row["claims__weight"],
        explanation=row["claims__explanation"],
        is_tainted=row["claims__is_tainted"],
    )


def top_causes(incident_ids: Collection[UUID]) -> dict[UUID, TopCause]:
    """The best hypothesis of the newest investigation that ended, own or shared. Two queries."""
    shared = dict(
        SharedInvestigation.objects.filter(
            incident__in=incident_ids, released_at__isnull=True
        ).values_list("incident_id", "investigation__incident_id")
    )
    found = _own_causes({*incident_ids, *shared.values()})
    answered = {about: found[leader] for about, leader in shared.items() if leader in found}
    return {**answered, **{about: found[about] for about in incident_ids if about in found}}


def _own_causes(incident_ids: Collection[UUID]) -> dict[UUID, TopCause]:
    found = (
        Investigation.objects.filter(incident__in=incident_ids)
        .exclude(state__in=[*Investigation.LIVE, Investigation.State.CANCELLED])
        .order_by("created_at", "-hypotheses__rank")
        .values(
            "pk", "incident_id", "outcome", "hypotheses__statement", "hypotheses__confidence",
            "hypotheses__verdict", "hypotheses__state",
        )
    )  # fmt: skip
    causes: dict[UUID, TopCause] = {}
    seen: set[UUID] = set()
    for row in found:  # later and better ranked ones overwrite earlier ones
        about, abstained = row["incident_id"], row["outcome"] in ABSTAINED
        if row["pk"] not in seen:  # a newer investigation: what the one before said is over
            seen.add(row["pk"])
            causes.pop(about, None)
            if abstained:
                causes[about] = TopCause("", 0.0, abstained=True, confirmed=False)
        verdict, state = str(row["hypotheses__verdict"]), row["hypotheses__state"]
        if verdict == "ruled_out" or state in {None, "refuted"}:
            continue
        causes[about] = TopCause(
            statement=row["hypotheses__statement"],
            confidence=row["hypotheses__confidence"],
            abstained=abstained,
            confirmed=verdict == "confirmed",
        )
    return causes
