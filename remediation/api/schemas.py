"""What the API takes and gives, for plans, approvals and executions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

from incidents.api.schemas import Text
from remediation.execution.course import MAX_STEPS
from remediation.models import Approval, Execution, Plan, PlanRequest, Step, StepTarget, Vote
from remediation.types import Mode


class ExecutionOut(Schema):
    id: UUID
    kind: str
    mode: str
    state: str
    verdict: str
    verdict_reason: str
    verdict_numbers: dict[str, Any]
    recurred_at: datetime | None
    error: str
    created_at: datetime
    effect_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any]


class StepIn(Schema):
    action: str
    service: str
    params: dict[str, Any] = Field(default_factory=dict)


class ActionsIn(Schema):
    incident: str = Field(description="Its key, such as `INC-7`.")
    steps: list[StepIn] = Field(
        min_length=1,
        max_length=MAX_STEPS,
        description="In order: each begins when the one before it is proved to have helped.",
    )


class TargetOut(Schema):
    target: str
    target_id: str
    target_version: str
    before: dict[str, Any]
    after: dict[str, Any]
    effects: list[str]
    reversibility: str
    undo: dict[str, Any] | None


class StepOut(Schema):
    position: int
    title: str
    action: str
    service: str
    params: dict[str, Any]
    prediction: dict[str, Any]
    targets: list[TargetOut]

    @staticmethod
    def resolve_service(step: Step) -> str:
        return step.service_name

    @staticmethod
    def resolve_targets(step: Step) -> list[StepTarget]:
        return list(step.targets.all())


class PlanOut(Schema):
    id: UUID
    incident: str
    state: str
    action: str
    service: str
    params: dict[str, Any]
    title: str
    why: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    reversibility: str
    prediction: dict[str, Any]
    risk_score: float
    risk_band: str
    decision: str
    decision_reasons: list[Any]
    plan_hash: str
    created_at: datetime
    steps: list[StepOut] = Field(description="All of it; the fields above tell the first target.")
    executions: list[ExecutionOut]

    @staticmethod
    def resolve_steps(plan: Plan) -> list[Step]:
        return list(plan.steps.all())

    @staticmethod
    def resolve_incident(plan: Plan) -> str:
        return plan.incident.key

    @staticmethod
    def resolve_service(plan: Plan) -> str:
        return plan.service_name

    @staticmethod
    def resolve_target(plan: Plan) -> str:
        return plan.target_id

    @staticmethod
    def resolve_executions(plan: Plan) -> list[Execution]:
        return list(plan.executions.all())


class VoteOut(Schema):
    """One person's answer."""

    by: str
    by_right_of: str = Field(description="Another name where the right to decide was lent.")
    decision: str
    mode: str
    comment: str
    factor: str = Field(description="`session`, `step_up` (the password once more) or `token`.")
    at: datetime

    @staticmethod
    def resolve_by(vote: Vote) -> str:
        return vote.by.get_username()

    @staticmethod
    def resolve_by_right_of(vote: Vote) -> str:
        return vote.voice.get_username()


class ApprovalOut(Schema):
    id: UUID
    incident: str
    plan: UUID
    action: str
    title: str
    service: str
    risk_band: str
    state: str
    needed: int
    first_approver: str | None
    plan_hash: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    void_reason: str = Field(description="Why nobody can decide on it any more.")
    votes: list[VoteOut]

    @staticmethod
    def resolve_votes(approval: Approval) -> list[Vote]:
        return list(approval.votes.all())

    @staticmethod
    def resolve_incident(approval: Approval) -> str:
        return approval.plan.incident.key

    @staticmethod
    def resolve_plan(approval: Approval) -> UUID:
        return approval.plan_id

    @staticmethod
    def resolve_action(approval: Approval) -> str:
        return approval.plan.action

    @staticmethod
    def resolve_title(approval: Approval) -> str:
        return approval.plan.title

    @staticmethod
    def resolve_service(approval: Approval) -> str:
        return approval.plan.service_name

    @staticmethod
    def resolve_risk_band(approval: Approval) -> str:
        return approval.plan.risk_band

    @staticmethod
    def resolve_first_approver(approval: Approval) -> str | None:
        return approval.first_approver.get_username() if approval.first_approver else None

    @staticmethod
    def resolve_decided_by(approval: Approval) -> str | None:
        return approval.decided_by.get_username() if approval.decided_by else None


class ApprovalList(Schema):
    items: list[ApprovalOut]
    next: str | None = Field(description="Send it as `cursor` for the page after this one.")


class ApproveIn(Schema):
    approved_by: str = Field(description="The user name of the token's own user.")
    execution_mode: Mode = Field(description="`dry_run` changes nothing; `live` does.")
    comment: Text = Field("", max_length=1000, description="Needed for high risk.")
    plan_hash: str = Field("", max_length=64, description="What you looked at, if you say so.")


class RejectIn(Schema):
    rejected_by: str = Field("", description="The user name of the token's own user.")
    comment: Text = Field(min_length=1, max_length=1000)


class ChangesIn(Schema):
    comment: Text = Field(min_length=1, max_length=1000, description="What has to change.")


class PlanRequestOut(Schema):
    id: UUID
    incident: str
    kind: str
    state: str
    rule: str = Field(description="Which rule refused it.")
    refusal: str
    plan: UUID | None = Field(description="The plan it led to: the same one, or a new one.")
    execution: ExecutionOut | None = Field(description="The record of a dry run.")
    created_at: datetime
    finished_at: datetime | None

    @staticmethod
    def resolve_incident(request: PlanRequest) -> str:
        return request.incident.key

    @staticmethod
    def resolve_plan(request: PlanRequest) -> UUID | None:
        return request.result_id


class DecisionOut(Schema):
    approval: ApprovalOut
    execution: ExecutionOut | None = Field(
        description="Null after the first of two approvals, after a rejection, and for a dry run."
    )
    request: PlanRequestOut | None = Field(description="For a dry run: where its answer will be.")
