"""Every step and target of a plan, for whoever has to say yes to all of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from remediation.models import Plan, StepTarget
from remediation.types import Prediction


@dataclass(frozen=True)
class StepRow:
    """One action with its prediction, and what it acts on, the canary first."""

    position: int
    title: str
    action: str
    action_version: int
    service: str
    prediction: Prediction | None
    targets: Sequence[StepTarget]


def steps_of(plan: Plan) -> list[StepRow]:
    """In the order they are done. One query."""
    found = StepTarget.objects.filter(step__plan=plan).select_related("step")
    rows = []
    for step, own in groupby(found.order_by("step__position", "ordinal"), lambda each: each.step):
        told = step.prediction
        aim = Prediction.from_json(told) if told.get("query") else None
        rows.append(
            StepRow(
                position=step.position,
                title=step.title,
                action=step.action,
                action_version=step.action_version,
                service=step.service_name,
                prediction=aim,
                targets=list(own),
            )
        )
    return rows


def bound(steps: Sequence[StepRow]) -> list[tuple[str, str]]:
    """What the hash binds of every step and no diff shows: its name, and all of it in words."""
    targets = [target for step in steps for target in step.targets]
    return [
        ("Targets and their versions", _row(f"{t.target_id} {t.target_version}" for t in targets)),
        ("Version of the action", _row(str(step.action_version) for step in steps)),
        ("Way back", _row(str(t.reversibility) for t in targets)),
        ("Prediction", _row(_aim(step.prediction) for step in steps)),
    ]


def _row(words: Iterable[str]) -> str:
    return ", ".join(words)


def _aim(said: Prediction | None) -> str:
    return f"{said.signal} {said.direction} {said.threshold}" if said else "none"
