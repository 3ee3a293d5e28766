"""The plan of an incident and the question it asks: what, why, what speaks against, may I decide.

The order is that of the approval screen: what changes, how far it reaches, why, what speaks
against, the prediction, the way back.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.shortcuts import get_object_or_404

from airra.lib import svg
from incidents.models import Incident
from incidents.queries.access import AnyUser, workspaces_of
from remediation.models import Approval, Execution, Plan, PlanRequest, StepTarget
from remediation.queries.say import name_of
from remediation.queries.watched import WatchedRow, watched_rows
from remediation.types import Decision, ExecutionState, Prediction

_RUNNING = {
    ExecutionState.APPROVED,
    ExecutionState.INTENT,
    ExecutionState.UNKNOWN,
    ExecutionState.VERIFYING,
}


@dataclass(frozen=True)
class DiffLine:
    sign: str  # del | add | same
    mark: str
    text: str


@dataclass(frozen=True)
class ExecutionRow:
    execution: Execution
    spark: svg.Sparkline | None
    good: int
    bad: int
    missing: int
    watched: list[WatchedRow] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.execution.state in _RUNNING


@dataclass(frozen=True)
class Wish:
    """A wish for a dry run that waits for the executor process, or that it refused."""

    id: str
    state: str
    refusal: str

    @classmethod
    def of(cls, newest: Mapping[str, Any] | None) -> "Wish | None":
        """None for one that is done: it speaks by its plan."""
        if newest is None or newest["state"] == PlanRequest.State.DONE:
            return None
        return cls(str(newest["id"]), newest["state"], newest["refusal"])


@dataclass(frozen=True)
class PlanPanel:
    plan: Plan | None = None
    approval: Approval | None = None
    executions: list[ExecutionRow] = field(default_factory=list)
    request: Wish | None = None  # the newest one, while it has led nowhere

    @property
    def is_asking(self) -> bool:
        return self.request is not None and self.request.state == PlanRequest.State.WAITING

    @property
    def prediction(self) -> Prediction | None:
        return prediction_of(self.plan) if self.plan else None

    @property
    def diff(self) -> list[DiffLine]:
        """Of every step and target: what is approved is all of them."""
        return plan_diff(self.plan) if self.plan else []

    @property
    def is_waiting(self) -> bool:
        return self.approval is not None and self.approval.state == Approval.State.PENDING

    @property
    def may_be_planned_again(self) -> bool:
        """Sent back, run out or void: the same action may be dry-run anew."""
        ended = (Approval.State.RETURNED, Approval.State.EXPIRED, Approval.State.VOID)
        return (
            self.plan is not None
            and self.plan.state == Plan.State.DISCARDED
            and self.approval is not None
            and self.approval.state in ended
        )

    @property
    def is_refused_by_policy(self) -> bool:
        return self.plan is not None and self.plan.decision == Decision.ESCALATE

    @property
    def tag(self) -> str:
        newest = self.executions[0].execution if self.executions else None
        parts = (
            self.plan and f"{self.plan.pk}.{self.plan.state}.{self.plan.plan_hash[:12]}",
            self.approval
            and f"{self.approval.pk}.{self.approval.state}.{self.approval.first_approver_id}",
            newest and f"{newest.pk}.{newest.state}.{len(newest.samples)}",
            self.request and f"{self.request.id}.{self.request.state}",
        )
        return "_".join(str(part) for part in parts if part)


_PEOPLE = ("requested_by", "decided_by", "first_approver")


def _approvals() -> QuerySet[Approval]:
    return Approval.objects.select_related(
        "plan__endpoint",
        "plan__hypothesis__investigation",
        "plan__incident__service",
        "plan__incident__workspace",
        *_PEOPLE,
    ).annotate(wish=_newest_wish("plan__incident"))


def _newest_wish(incident: str) -> Subquery:
    """The newest wish of the incident in the outer column, as JSON: no query of its own."""
    found = PlanRequest.objects.filter(incident=OuterRef(incident)).order_by("-created_at")
    told = JSONObject(id="id", state="state", refusal="refusal")
    return Subquery(found.values(told=told)[:1])


def panel(incident: Incident) -> PlanPanel:
    """The newest plan, its newest approval and what was done. At most two queries."""
    newest = Plan.objects.filter(incident=incident).order_by("-created_at").values("pk")[:1]
    approval = _approvals().filter(plan__in=newest).order_by("-requested_at").first()
    if approval is not None:
        return panel_of(approval)
    found = Plan.objects.filter(incident=incident).select_related("endpoint", "hypothesis")
    plan = found.annotate(wish=_newest_wish("incident")).order_by("-created_at").first()
    if plan is not None:
        return PlanPanel(plan, request=Wish.of(plan.wish))
    wishes = PlanRequest.objects.filter(incident=incident).order_by("-created_at")
    return PlanPanel(request=Wish.of(wishes.values("id", "state", "refusal").first()))


def panel_of(approval: Approval) -> PlanPanel:
    """Of an approval that `visible_approval` or `panel` found, with its newest wish."""
    wish: Mapping[str, Any] | None = getattr(approval, "wish", None)
    return PlanPanel(approval.plan, approval, executions_of(approval.plan), Wish.of(wish))


def executions_of(plan: Plan) -> list[ExecutionRow]:
    found = plan.executions.select_related("started_by").order_by("-created_at")
    prediction = prediction_of(plan)
    return [_execution_row(execution, prediction) for execution in found]


def _execution_row(execution: Execution, prediction: Prediction | None) -> ExecutionRow:
    marks = [str(sample[2]) for sample in execution.samples]
    values = [float(s[1]) for s in execution.samples if s[1] is not None]
    threshold = prediction.threshold if prediction else None
    return ExecutionRow(
        execution=execution,
        spark=svg.sparkline(values, threshold=threshold),
        good=marks.count("good"),
        bad=marks.count("bad") + marks.count("worse"),
        missing=marks.count("no_data"),
        watched=watched_rows(execution, prediction),
    )


def prediction_of(plan: Plan) -> Prediction | None:
    return Prediction.from_json(plan.prediction) if plan.prediction.get("query") else None


def _flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A nested document as dotted paths, so that a difference shows where it is."""
    flat: dict[str, str] = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{path}.")
        else:
            flat[path] = value if isinstance(value, str) else json.dumps(value)
    return flat


def plan_diff(plan: Plan) -> list[DiffLine]:
    """What would change, target by target, each under its own heading where there are several."""
    found = StepTarget.objects.filter(step__plan=plan).select_related("step")
    targets = list(found.order_by("step__position", "ordinal"))
    lines: list[DiffLine] = []
    for target in targets:
        if len(targets) > 1:
            lines.append(DiffLine("same", "#", f"step {target.step.position}: {target}"))
        lines += diff_lines(target.before, target.after)
    return lines


def diff_lines(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[DiffLine]:
    """What the target said it would change, line by line; unchanged fields for context."""
    old, new = _flat(before), _flat(after)
    lines: list[DiffLine] = []
    for name in dict.fromkeys([*old, *new]):
        if name in old and name in new and old[name] == new[name]:
            lines.append(DiffLine("same", " ", f"{name}: {new[name]}"))
            continue
        if name in old:
            lines.append(DiffLine("del", "-", f"{name}: {old[name]}"))
        if name in new:
            lines.append(DiffLine("add", "+", f"{name}: {new[name]}"))
    return lines


def visible_approval(user: AnyUser, approval_id: object) -> Approval:
    """The approval of a workspace of this user; 404 otherwise."""
    return get_object_or_404(
        _approvals().prefetch_related("votes"),
        pk=approval_id,
        plan__incident__workspace__in=workspaces_of(user),
    )


def asked_by(approval: Approval) -> str:
    return name_of(approval.requested_by) if approval.requested_by else "AIRRA"


@dataclass(frozen=True)
class RiskFactor:
    name: str
    factor: float
    reason: str


def risk_factors(plan: Plan) -> list[RiskFactor]:
    rows: Sequence[Sequence[Any]] = plan.risk_factors
    return [RiskFactor(str(r[0]), float(r[1]), str(r[2])) for r in rows]
