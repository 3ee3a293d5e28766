"""How far a plan has come, read from its rows; and the executions that its next move asks for.

The moves themselves are decided in `execution.course`, which is pure. Called inside transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from airra.lib import clock
from airra.lib.jobs import Job, enqueue
from remediation.commands.assessment import target_key
from remediation.commands.steps import key_of, targets_of, version_left_by
from remediation.execution.course import Item, Move, Place, next_move, standing_of
from remediation.models import Approval, Execution, Plan, StepTarget
from remediation.types import ExecutionState, Mode, Reversibility, Verdict


@dataclass(frozen=True)
class Work:
    """One target with what was done to it."""

    place: Place
    target: StepTarget
    applied: Execution | None = None
    undo: Execution | None = None

    @property
    def item(self) -> Item:
        done, undo = self.applied, self.undo
        standing = standing_of(
            ExecutionState(done.state) if done else None,
            ExecutionState(undo.state) if undo else None,
            is_partial=done is not None and done.verdict == Verdict.PARTIAL,
        )
        return Item(standing, can_undo=self._can_undo())

    def _can_undo(self) -> bool:
        is_exact = self.target.reversibility == Reversibility.EXACT_UNDO
        is_known = self.applied is not None and bool(version_left_by(self.applied))
        return is_exact and self.target.undo is not None and is_known


def read(plan: Plan) -> list[list[Work]]:
    """Each step's targets in order, with the newest live attempt on each."""
    live = plan.executions.filter(mode=Mode.LIVE).order_by("created_at")
    applied = {e.target_id: e for e in live if e.kind == Execution.Kind.APPLY}
    undos = {e.target_id: e for e in live if e.kind == Execution.Kind.UNDO}
    steps = groupby(targets_of(plan), key=lambda target: target.step)
    return [
        [
            Work(Place(number, ordinal), target, applied.get(target.pk), undos.get(target.pk))
            for ordinal, target in enumerate(own)
        ]
        for number, (_, own) in enumerate(steps)
    ]


def move_of(steps: Sequence[Sequence[Work]]) -> Move:
    return next_move([[work.item for work in step] for step in steps])


def start(plan: Plan, approval: Approval, targets: Sequence[StepTarget]) -> list[Execution]:
    """The executions of a wave, each once; their workers are woken."""
    return [
        _wake(
            Execution.objects.get_or_create(
                idempotency_key=key_of(approval, Execution.Kind.APPLY, target),
                defaults={
                    "plan": plan,
                    "approval": approval,
                    "target": target,
                    "mode": Mode.LIVE,
                    "plan_hash": approval.plan_hash,
                    "target_key": target_key(target.step.endpoint_id, target.target_id),
                    "started_by": approval.decided_by,
                    "created_at": clock.now(),
                },
            )[0]
        )
        for target in targets
    ]


def undo(applied: Execution, target: StepTarget) -> Execution:
    """The undo, pre-approved with the plan; once."""
    made, _ = Execution.objects.get_or_create(
        undo_of=applied,
        defaults={
            "plan": applied.plan,
            "approval": applied.approval,
            "target": target,
            "kind": Execution.Kind.UNDO,
            "mode": applied.mode,
            "plan_hash": applied.plan_hash,
            "target_key": applied.target_key,
            "idempotency_key": key_of(applied.approval, Execution.Kind.UNDO, target),
            "started_by": applied.started_by,
            "created_at": clock.now(),
        },
    )
    return _wake(made)


def _wake(execution: Execution) -> Execution:
    enqueue(Job.EXECUTE, execution_id=str(execution.pk))
    return execution
