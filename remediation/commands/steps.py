"""The steps of a plan and their targets: from a proposal to rows, and back to what is acted on."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from remediation.commands.prediction import from_json
from remediation.decision.catalog import title_of
from remediation.models import Approval, Execution, Plan, Step, StepTarget
from remediation.types import (
    ActionRequest,
    Check,
    PlannedAction,
    PlannedStep,
    Reversibility,
)


def key_of(approval: Approval, kind: str, target: StepTarget | None = None) -> str:
    """The idempotency key: one approval has one attempt of each kind on each target, ever."""
    place = f":{target.step.position}.{target.ordinal}" if target else ""
    name = f"airra:{approval.pk}:{approval.plan_hash}{place}:{kind}:1"
    return str(uuid5(NAMESPACE_URL, name))


def targets_of(plan: Plan) -> list[StepTarget]:
    """In the order of the plan: step by step, the canary first."""
    found = StepTarget.objects.filter(step__plan=plan).select_related("step__endpoint")
    return list(found.order_by("step__position", "ordinal"))


def step_request(step: Step, target: str = "") -> ActionRequest:
    return ActionRequest(step.action, step.service_name, step.params, target=target)


def planned_of(target: StepTarget) -> PlannedAction:
    """The planned action as its row holds it now."""
    return PlannedAction(
        request=step_request(target.step, target.target),
        target_id=target.target_id,
        target_version=target.target_version,
        before=target.before,
        after=target.after,
        effects=tuple(target.effects),
        reversibility=Reversibility(target.reversibility),
        undo=_request(target.undo),
        fidelity=target.fidelity,
        checks=tuple(Check(**check) for check in target.checks),
        owner=target.owner,
    )


def planned_steps(targets: Sequence[StepTarget]) -> tuple[PlannedStep, ...]:
    """All of a plan, as `targets_of` gave it."""
    return tuple(
        PlannedStep(
            endpoint=str(step.endpoint_id),
            action_version=step.action_version,
            targets=tuple(planned_of(target) for target in own),
            prediction=from_json(step.prediction),
        )
        for step, own in groupby(targets, key=lambda target: target.step)
    )


def store_steps(plan: Plan, steps: Sequence[PlannedStep]) -> list[StepTarget]:
    """The rows of a new plan; call inside its transaction."""
    rows: list[StepTarget] = []
    for position, planned in enumerate(steps, start=1):
        first = planned.targets[0].request
        step = Step.objects.create(
            plan=plan,
            position=position,
            endpoint_id=planned.endpoint,
            action=first.action,
            action_version=planned.action_version,
            service_name=first.service,
            params=dict(first.params),
            title=title_of(first)[:200],
            prediction=asdict(planned.prediction),
        )
        for ordinal, target in enumerate(planned.targets):
            rows.append(_row(step, ordinal, target))
    StepTarget.objects.bulk_create(rows)
    return rows


def _row(step: Step, ordinal: int, planned: PlannedAction) -> StepTarget:
    return StepTarget(
        step=step,
        ordinal=ordinal,
        target=planned.request.target,
        target_id=planned.target_id,
        target_version=planned.target_version,
        before=dict(planned.before),
        after=dict(planned.after),
        effects=list(planned.effects),
        reversibility=planned.reversibility,
        undo=_stored(planned.undo),
        fidelity=planned.fidelity,
        owner=planned.owner,
        checks=[asdict(check) for check in planned.checks],
    )


def _stored(request: ActionRequest | None) -> dict[str, Any] | None:
    if request is None:
        return None
    return {name: value for name, value in asdict(request).items() if name != "clamped"}


def _request(stored: dict[str, Any] | None) -> ActionRequest | None:
    if stored is None:
        return None
    return ActionRequest(**{name: v for name, v in stored.items() if name != "clamped"})


def version_left_by(execution: Execution) -> str:
    """The target's version as our effect left it, from the target's own answer; else empty."""
    target = execution.result.get("answer", {}).get("target", {})
    return str(target.get("version", ""))
