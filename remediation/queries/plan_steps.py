"""Every step and target of a plan, for whoever has to say yes to all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from remediation.models import Plan, StepTarget
from remediation.types import Prediction


@dataclass(frozen=True)
class StepRow:
    """One action with its prediction, and what it acts on, the canary first."""

    position: int
    title: str
    prediction: Prediction | None
    targets: Sequence[StepTarget]


def steps_of(plan: Plan) -> list[StepRow]:
    """In the order they are done. One query."""
    found = StepTarget.objects.filter(step__plan=plan).select_related("step")
    rows = []
    for step, own in groupby(found.order_by("step__position", "ordinal"), lambda each: each.step):
        told = step.prediction
        aim = Prediction.from_json(told) if told.get("query") else None
        rows.append(StepRow(step.position, step.title, aim, list(own)))
    return rows


def bound_versions(plan: Plan) -> str:
    """The targets with their versions, as the hash binds them."""
    return ", ".join(f"{t.target_id} {t.target_version}" for s in steps_of(plan) for t in s.targets)
