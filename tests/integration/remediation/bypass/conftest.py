"""Ways round the gate. Each one is tried, then every process does all it would ever do.

`gate.holds()` runs what waits for a worker, sweeps, and demands that the target saw no effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from incidents.commands.access import issue_token
from incidents.models import AuditEvent, Workspace
from incidents.permissions import Role
from remediation.commands import approval as approvals
from remediation.commands.acting import execution as acting
from remediation.commands.sweep import sweep
from remediation.commands.vote import Stand
from remediation.models import Approval, Execution, Plan, StepTarget, Vote
from remediation.queries.links import link_for
from remediation.types import ExecutionState, Factor
from tests.integration.remediation.conftest import World, member

LIVE = {"decision": "approve", "mode": "live", "reason": "go"}
SURE = Stand(Factor.STEP_UP)


@dataclass
class Gate:
    """A plan that waits for approval, everybody who might try, and what the target saw."""

    world: World
    plan: Plan
    people: dict[str, User]
    allowed: int = 0  # effects that were approved as they should be
    audits: int = field(default_factory=AuditEvent.objects.count)

    @property
    def approval(self) -> Approval:
        """The newest question about the plan, whatever has become of it."""
        found = Approval.objects.select_related("plan__incident__workspace")
        return found.filter(plan=self.plan).latest("requested_at")

    @property
    def page(self) -> str:
        return f"/approvals/{self.approval.pk}/"

    @property
    def api(self) -> str:
        return f"/api/v1/approvals/{self.approval.pk}/approve"

    def link(self, user: User) -> str:
        return f"/approvals/link/{link_for(self.approval, user)}/"

    def browser(self, user: User | None, **fields: Any) -> Client:
        client = Client(**fields)
        if user is not None:
            client.force_login(user)
        return client

    def token(self, user: User, place: Workspace | None = None) -> str:
        return issue_token(user=user, workspace=place or self.world.workspace, name="t", by=user)[1]

    def call(self, token: str, path: str = "", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client(headers=headers).post(path or self.api, body, content_type="application/json")

    def said(self, user: User, **more: Any) -> dict[str, Any]:
        return {"approved_by": user.username, "execution_mode": "live", "comment": "go", **more}

    def approved(self) -> Execution:
        """Approved as it should be; its effect has not happened yet."""
        execution = approvals.approve(
            approval=self.approval, by=self.world.ana, reason="go", stand=SURE
        )
        assert execution is not None
        return execution

    def carried_out(self) -> Execution:
        self.allowed = 1
        done = self.world.run(self.approved())
        assert len(self.world.server.effects) == 1
        return done

    def holds(self, *, told: bool = True) -> None:
        """Let every process do what it would; the target must have seen nothing new.

        `told`: whoever tried left a row of the audit record behind, or the execution its reason.
        """
        for _ in range(2):
            waiting = Execution.objects.filter(mode="live", state=ExecutionState.APPROVED)
            for execution in waiting:
                acting.run(execution_id=str(execution.pk))
            sweep()
            self.world.answer()
        assert len(self.world.server.effects) == self.allowed
        if told:
            refused = Execution.objects.exclude(error="").exists()
            assert refused or AuditEvent.objects.count() > self.audits

    def nothing_decided(self) -> None:
        """No answer counts and nothing waits for a worker."""
        assert not Vote.objects.exists()
        assert not Execution.objects.exists()
        assert self.approval.state == Approval.State.PENDING


@pytest.fixture
def gate(world: World) -> Iterator[Gate]:
    elsewhere = Workspace.objects.create(name="Other", slug="other")
    people = {
        "viewer": member(world.workspace, "vera", Role.VIEWER),
        "responder": member(world.workspace, "remi", Role.RESPONDER),
        "outsider": member(elsewhere, "olga", Role.APPROVER),
        "inactive": member(world.workspace, "ines", Role.APPROVER),
        "left": User.objects.create_user("leo"),
    }
    plan = world.planned()
    yield Gate(world, plan, people)
    assert len(world.server.effects) <= 1


@pytest.fixture
def wished(world: World, gate: Gate) -> Gate:
    """The plan was asked for by Rita, who is an approver herself."""
    Plan.objects.filter(pk=gate.plan.pk).update(requested_by=world.requester)
    Approval.objects.filter(plan=gate.plan).update(requested_by=world.requester)
    return gate


def insert(**fields: Any) -> bool:
    """Whether the database takes an execution row like this, on the plan's first target."""
    first = StepTarget.objects.filter(step__plan=fields["plan"]).first()
    try:
        with transaction.atomic():
            Execution.objects.create(**{"target": first, **fields})
    except IntegrityError:
        return False
    return True
