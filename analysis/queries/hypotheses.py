"""The panel of hypotheses and the ledger behind it: what speaks for each, and what against.

States and numbers were settled by code; here they are only shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from airra.lib import quantities
from analysis.models import Evidence, Hypothesis, Investigation
from analysis.types import ClaimVerdict, Custody, HypothesisState, Outcome
from incidents.models import Incident

# What a reader calls the source of a piece of evidence.
_SOURCE_WORD = {
    Custody.PLATFORM_API: "platform",
    Custody.CHANGE_SYSTEM: "change",
    Custody.APP_METRIC: "metric",
    Custody.TRACE: "trace",
    Custody.APP_TEXT: "log",
    Custody.USER_INFLUENCED: "user text",
    Custody.HUMAN_GUIDANCE: "note",
}

# What an investigation says it is doing, in order (`analysis.reasoning.loop`).
STAGES = ("Gathering evidence", "Testing hypotheses", "Ranking")

# Outcomes in which no cause is stated as fact.
ABSTAINED = (Outcome.INCONCLUSIVE, Outcome.BLOCKED, Outcome.COULD_NOT_INVESTIGATE)

# The ledger without `facts` and `view`, which may be long and have a page of their own.
_LEDGER_FIELDS = (
    "id", "seq", "tool", "connector__name", "native_query", "window_start", "window_end",
    "status", "coverage", "summary", "custody", "duration_ms",
)  # fmt: skip
_CLAIM_FIELDS = (
    "claims__id", "claims__hypothesis_id", "claims__is_for", "claims__statement",
    "claims__verdict", "claims__weight", "claims__explanation",
)  # fmt: skip


@dataclass(frozen=True)
class EvidenceRow:
    seq: int
    tool: str
    source: str  # the connector's name, or nothing for AIRRA's own record
    kind: str  # metric, log, trace …
    native_query: str
    window_start: datetime
    window_end: datetime
    status: str
    coverage: float
    summary: str
    duration_ms: int

    @property
    def label(self) -> str:
        return f"E{self.seq} {self.kind}"


@dataclass(frozen=True)
class ClaimRow:
    statement: str
    is_for: bool
    verdict: str
    weight: str
    explanation: str
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
    def stages(self) -> list[tuple[str, str]]:
        """The stages of a running investigation, each done, now or ahead."""
        now = self.investigation.stage if self.investigation else ""
        here = STAGES.index(now) if now in STAGES else -1
        standing = {True: "done", False: "ahead"}
        return [(s, "now" if i == here else standing[i < here]) for i, s in enumerate(STAGES)]

    @property
    def abstained(self) -> bool:
        return self.investigation is not None and self.investigation.outcome in ABSTAINED

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
        return f"{run.pk}.{run.state}.{run.stage}" if run else ""


@dataclass(frozen=True)
class TopCause:
    """What the incident list shows of the newest investigation."""

    statement: str
    confidence: float
    abstained: bool
    confirmed: bool


def panel(incident: Incident) -> Panel:
    """The newest investigation with its hypotheses and ledger. Three queries."""
    return panel_of(latest(incident))


def panel_of(run: Investigation | None) -> Panel:
    """One investigation with its hypotheses and ledger. Two queries."""
    if run is None:
        return Panel()
    hypotheses = list(
        Hypothesis.objects.filter(investigation=run)
        .select_related("verdict_by", "service")
        .order_by("rank")
    )
    ledger, claims = _ledger_with_claims(run)
    return Panel(run, [HypothesisRow(h, claims.get(h.pk, [])) for h in hypotheses], ledger)


def latest(incident: Incident) -> Investigation | None:
    return Investigation.objects.filter(incident=incident).order_by("-created_at").first()


def _attempts(run: Investigation) -> QuerySet[Evidence, dict[str, Any]]:
    """The ledger of the newest attempt, each row once for every claim that cites it."""
    return Evidence.objects.filter(
        investigation=run, attempt=max(1, run.attempts)
    ).order_by("seq").values(*_LEDGER_FIELDS, *_CLAIM_FIELDS)  # fmt: skip


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
        evidence = ledger.setdefault(row["id"], _evidence_row(row))
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


def _evidence_row(row: Mapping[str, Any]) -> EvidenceRow:
    return EvidenceRow(
        seq=row["seq"],
        tool=row["tool"],
        source=row["connector__name"] or "",
        kind=_SOURCE_WORD.get(row["custody"], row["custody"]),
        native_query=row["native_query"],
        window_start=row["window_start"],
        window_end=row["window_end"],
        status=row["status"],
        coverage=row["coverage"],
        summary=row["summary"],
        duration_ms=row["duration_ms"],
    )


def _claim_row(row: Mapping[str, Any]) -> ClaimRow:
    return ClaimRow(
        statement=row["claims__statement"],
        is_for=row["claims__is_for"],
        verdict=row["claims__verdict"],
        weight=row["claims__weight"],
        explanation=row["claims__explanation"],
    )


def top_causes(incident_ids: Collection[UUID]) -> dict[UUID, TopCause]:
    """The best hypothesis of the newest finished investigation of each incident. One query."""
    found = (
        Investigation.objects.filter(incident__in=incident_ids)
        .exclude(state__in=Investigation.LIVE)
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


@dataclass(frozen=True)
class FactTable:
    """The facts of one kind in one tool run, as a table."""

    kind: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class EvidenceDetail:
    evidence: Evidence
    kind: str
    tables: list[FactTable]

    @property
    def covered(self) -> float:
        return self.evidence.coverage


def evidence_detail(incident: Incident, seq: int) -> EvidenceDetail:
    """One tool run of the newest investigation, with its facts; 404 when there is none."""
    run = latest(incident)
    found = get_object_or_404(
        Evidence.objects.select_related("connector"),
        investigation=run,
        attempt=max(1, run.attempts) if run else 0,
        seq=seq,
    )
    kind = _SOURCE_WORD.get(Custody(found.custody), found.custody)
    return EvidenceDetail(found, kind, fact_tables(found.facts))


def fact_tables(facts: Sequence[Mapping[str, Any]], *, limit: int = 50) -> list[FactTable]:
    """Facts grouped by kind; a column for each field that any of them fills."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for fact in facts[:limit]:
        groups.setdefault(str(fact.get("kind", "fact")), []).append(fact)
    return [_fact_table(kind, rows) for kind, rows in groups.items()]


def _fact_table(kind: str, facts: Sequence[Mapping[str, Any]]) -> FactTable:
    names = dict.fromkeys(name for fact in facts for name in fact if name not in _UNSHOWN)
    columns = [n for n in names if any(fact.get(n) not in {"", None} for fact in facts)]
    return FactTable(kind, columns, [[_cell(name, fact) for name in columns] for fact in facts])


_UNSHOWN = {"kind", "query", "unit"}
_IN_THE_UNIT = {"before", "during", "level"}


def _cell(name: str, fact: Mapping[str, Any]) -> str:
    """A value as people read it: moments as times of day, measures with their unit."""
    value = fact.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if name == "at" or name.endswith("_seen"):
        return f"{datetime.fromtimestamp(value, tz=UTC):%H:%M:%S} UTC"
    if name.endswith("_s"):
        return quantities.quantity(value, "s")
    if "share" in name:
        return quantities.percent(value)
    return quantities.quantity(value, str(fact.get("unit", "")) if name in _IN_THE_UNIT else "")
