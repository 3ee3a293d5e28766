"""What other rules would have decided over what policy was asked in the last days. Reads only.

Every question to policy was stored with all its facts, so the answer under other rules is exact;
what people and targets would then have done is not known and not guessed.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Prefetch

from airra.lib import clock
from analysis.models import Hypothesis
from incidents.models import Workspace
from remediation.decision.policy import Case, decide
from remediation.decision.rules import Rules, is_tighter
from remediation.models import Approval, Execution, Plan, PolicyRuling
from remediation.queries.executions import is_lasting
from remediation.types import Decision, ExecutionState, Mode

MOST = 5_000
_HARM = frozenset({ExecutionState.DEVIATED, ExecutionState.UNDONE})


@dataclass(frozen=True)
class Row:
    """One question, side by side: what was decided and came of it, and what would be decided."""

    at: datetime
    incident: str
    title: str
    band: str
    confidence: float
    was: Decision
    would: Decision
    why: str  # would be decided
    done: str
    ended: str
    cause: str
    is_bad: bool  # it did harm, or its cause was ruled out
    is_good: bool  # verified, and it lasted

    @property
    def change(self) -> str:
        if self.was is self.would:
            return "same"
        return "stricter" if is_tighter(self.would, self.was) else "looser"


@dataclass(frozen=True)
class Simulation:
    days: int
    rows: Sequence[Row]
    unknown: int  # plans whose facts were not stored

    @property
    def crossings(self) -> list[tuple[Decision, list[int]]]:
        """How many that were decided so would be decided one, two, escalate."""
        seen = Counter((row.was, row.would) for row in self.rows)
        return [(was, [seen[was, would] for would in Decision]) for was in Decision]

    def count(self, change: str) -> int:
        return sum(row.change == change for row in self.rows)

    @property
    def looser(self) -> int:
        return self.count("looser")

    @property
    def stricter(self) -> int:
        return self.count("stricter")

    @property
    def looser_and_bad(self) -> int:
        """Would need fewer people, and ended badly."""
        return sum(row.change == "looser" and row.is_bad for row in self.rows)

    @property
    def stricter_and_good(self) -> int:
        """Would need more people, and helped."""
        return sum(row.change == "stricter" and row.is_good for row in self.rows)


def simulate(workspace: Workspace, rules: Rules, *, days: int) -> Simulation:
    """Ask policy under `rules` what it was asked in the last `days`. Changes nothing."""
    since = clock.now() - timedelta(days=days)
    approvals = Approval.objects.select_related("decided_by").order_by("-requested_at")
    executions = Execution.objects.filter(mode=Mode.LIVE, kind=Execution.Kind.APPLY)
    found = (
        PolicyRuling.objects.filter(workspace=workspace, at__gte=since)
        .select_related("incident", "plan", "hypothesis")
        .prefetch_related(
            Prefetch("plan__approvals", approvals),
            Prefetch("plan__executions", executions.order_by("-created_at")),
        )
        .order_by("-at")[:MOST]
    )
    rulings = list(found)
    confirmed = _confirmed(rulings)
    unknown = Plan.objects.filter(
        incident__workspace=workspace, created_at__gte=since, rulings__isnull=True
    )
    rows = [_row(ruling, rules, confirmed) for ruling in rulings]
    return Simulation(days, rows, unknown.count())


def _confirmed(rulings: Iterable[PolicyRuling]) -> dict[object, set[object]]:
    """The hypotheses that people confirmed, by incident."""
    of = {ruling.incident_id for ruling in rulings}
    found: dict[object, set[object]] = {}
    rows = Hypothesis.objects.filter(
        investigation__incident__in=of, verdict=Hypothesis.Verdict.CONFIRMED
    )
    for pk, incident in rows.values_list("pk", "investigation__incident"):
        found.setdefault(incident, set()).add(pk)
    return found


def _row(ruling: PolicyRuling, rules: Rules, confirmed: dict[object, set[object]]) -> Row:
    case = Case.of_json(ruling.facts)
    would = decide(case, rules)
    plan = ruling.plan
    executions = list(plan.executions.all()) if plan else []
    execution = executions[0] if executions else None
    cause, was_wrong = _cause(ruling, confirmed.get(ruling.incident_id, set()))
    harmed = any(each.state in _HARM for each in executions)
    lasted = bool(executions) and all(map(is_lasting, executions))
    return Row(
        at=ruling.at,
        incident=ruling.incident.key,
        title=ruling.title,
        band=str(case.band),
        confidence=case.confidence,
        was=Decision(ruling.decision),
        would=would.decision,
        why="; ".join(would.reasons),
        done=_done(plan, execution),
        ended=_ended(executions),
        cause=cause,
        is_bad=harmed or (execution is not None and was_wrong),
        is_good=lasted and not was_wrong,
    )


def _done(plan: Plan | None, execution: Execution | None) -> str:
    if plan is None:
        return "left to people"
    approvals = list(plan.approvals.all())
    approval = approvals[0] if approvals else None
    if approval is None:
        return str(plan.state)
    by = f" by {approval.decided_by.get_username()}" if approval.decided_by else ""
    return f"{approval.state}{by}" if execution is None else f"approved{by}, carried out"


def _ended(executions: Sequence[Execution]) -> str:
    """How the worst of its steps ended, else the newest."""
    if not executions:
        return "nothing was done"
    if any(each.recurred_at is not None for each in executions):
        return "helped, and came back"
    told = next((each for each in executions if each.state in _HARM), executions[0])
    words = told.verdict or told.state
    return str(words).replace("_", " ")


def _cause(ruling: PolicyRuling, confirmed: set[object]) -> tuple[str, bool]:
    """What people said of the cause it acted on, and whether that was wrong."""
    hypothesis = ruling.hypothesis
    if hypothesis is None:
        return "no cause was named", False
    if hypothesis.verdict == Hypothesis.Verdict.CONFIRMED:
        return "confirmed", False
    if hypothesis.verdict == Hypothesis.Verdict.RULED_OUT:
        return "ruled out", True
    if confirmed:
        return "another one was confirmed", True
    return "nobody has said", False
