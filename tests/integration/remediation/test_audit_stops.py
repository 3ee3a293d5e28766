"""A database that cannot take the audit row stops the action: no claim, no effect, and why."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection
from django.test import Client
from django.urls import reverse

from incidents.commands import audit
from incidents.commands.access import give_role, issue_token
from incidents.models import AuditEvent, Service
from incidents.permissions import Role
from incidents.queries.audit_chain import verify
from remediation.commands import approval as approvals
from remediation.commands import stops
from remediation.commands.sweep import sweep
from remediation.models import Approval, Execution, KillSwitch, Plan, Policy
from remediation.types import ExecutionState
from tests.integration.remediation.conftest import World
from tests.integration.remediation.test_flow import _approved_quietly

pytestmark = pytest.mark.django_db(transaction=True)

FULL = "could not extend file: No space left on device"


@contextmanager
def no_room(table: str = "incidents_auditevent", *, kinds: str = "%") -> Iterator[None]:
    """The database refuses rows of a table, as a full disk makes it; of some kinds only."""
    is_events = table == "incidents_auditevent"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            when = f"WHEN (NEW.kind LIKE '{kinds}')" if is_events else ""
            cursor.execute(
                "CREATE OR REPLACE FUNCTION no_room() RETURNS trigger AS $$ BEGIN "
                f"RAISE EXCEPTION '{FULL}' USING ERRCODE = 'disk_full'; END $$ LANGUAGE plpgsql"
            )
            cursor.execute(
                f"CREATE TRIGGER no_room BEFORE INSERT ON {table} "
                f"FOR EACH ROW {when} EXECUTE FUNCTION no_room()".replace("%", "%%")
            )
        else:
            when = f"WHEN NEW.kind LIKE '{kinds}'" if is_events else ""
            cursor.execute(
                f"CREATE TRIGGER no_room BEFORE INSERT ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{FULL}'); END"
            )
    try:
        yield
    finally:
        suffix = f" ON {table}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER no_room{suffix}")


TABLES = pytest.mark.parametrize("table", ["incidents_auditevent", "incidents_auditlink"])


@TABLES
def test_there_is_no_claim_and_no_effect(table: str, make_world: Callable[[], World]) -> None:
    world = make_world()
    execution = _approved_quietly(world)
    with no_room(table), pytest.raises(DatabaseError, match="No space left"):
        world.run(execution)
    stuck = world.fresh(execution)
    assert (stuck.state, stuck.fence, stuck.intent_at) == (ExecutionState.APPROVED, 0, None)
    assert world.server.effects == []
    assert "cannot be recorded, so it is not done" in stuck.error
    assert "No space left on device" in stuck.error
    ran = world.run(execution)  # and when there is room again
    assert (ran.state, ran.error) == (ExecutionState.VERIFYING, "")
    assert len(world.server.effects) == 1
    assert verify().is_intact


def test_the_page_says_why(make_world: Callable[[], World], client: Client) -> None:
    world = make_world()
    execution = _approved_quietly(world)
    with no_room(), pytest.raises(DatabaseError):
        world.run(execution)
    client.force_login(world.ana)
    page = client.get(f"/incidents/{world.incident.key}/").content.decode()
    assert "cannot be recorded, so it is not done" in page


@TABLES
def test_there_is_no_approval(table: str, make_world: Callable[[], World], client: Client) -> None:
    world = make_world()
    approval = world.pending(world.planned())
    with no_room(table), pytest.raises(DatabaseError):
        approvals.approve(approval=approval, by=world.ana, reason="go")
    approval.refresh_from_db()
    assert approval.state == Approval.State.PENDING
    assert not Execution.objects.exists()
    assert Plan.objects.get().state == Plan.State.PROPOSED
    with no_room(table), pytest.raises(DatabaseError):
        approvals.reject(approval=approval, by=world.ana, reason="no")
    approval.refresh_from_db()
    assert approval.state == Approval.State.PENDING
    assert world.server.effects == []


def test_a_result_that_cannot_be_recorded_becomes_unknown_and_is_asked_for(
    make_world: Callable[[], World],
) -> None:
    """The effect has happened; what is not known to have happened is never sent again."""
    world = make_world()
    execution = _approved_quietly(world)
    with no_room(kinds="execution.verifying"), pytest.raises(DatabaseError):
        world.run(execution)
    assert world.fresh(execution).state == ExecutionState.INTENT
    world.hands.advance(hours=1)
    with no_room(), pytest.raises(DatabaseError):
        sweep()
    assert world.fresh(execution).state == ExecutionState.INTENT
    sweep()
    sweep()
    assert world.fresh(execution).state == ExecutionState.VERIFYING
    assert len(world.server.effects) == 1


@pytest.fixture
def ada(make_world: Callable[[], World]) -> User:
    world = make_world()
    ada = User.objects.create_user("ada", is_staff=True)
    Group.objects.get_or_create(name=Role.ADMIN)  # a flush takes what the migration made
    give_role(user=ada, workspace=world.workspace, role=Role.ADMIN)
    return ada


@TABLES
def test_the_policy_stays_as_it_was(table: str, ada: User, client: Client) -> None:
    policy, _ = Policy.objects.get_or_create(workspace=Service.objects.get().workspace)
    client.force_login(ada)
    page = reverse("admin:remediation_policy_change", args=[policy.pk])
    form = client.get(page).context["adminform"].form
    data = {name: value for name, value in form.initial.items() if value is not None}
    with no_room(table):
        answer = client.post(page, {**data, "max_actions_per_hour": 2})
    assert answer.status_code == 503
    assert "Nothing was done" in answer.content.decode()
    assert "No space left on device" in answer.content.decode()
    before = policy.version
    policy.refresh_from_db()
    assert (policy.max_actions_per_hour, policy.version) == (6, before)
    assert client.post(page, {**data, "max_actions_per_hour": 2}).status_code == 302
    policy.refresh_from_db()
    assert policy.max_actions_per_hour == 2
    row = AuditEvent.objects.get(kind="policy.changed")
    assert row.after["limits"]["per_hour"] == 2


def test_the_switch_is_not_turned_without_its_row(make_world: Callable[[], World]) -> None:
    world = make_world()
    asked: dict[str, Any] = {
        "workspace": world.workspace,
        "scope": KillSwitch.Scope.ALL,
        "reason": "storm",
    }
    with no_room(), pytest.raises(audit.Unwritable):
        stops.stop(**asked, by=world.ana)
    assert not KillSwitch.objects.exists()
    switch = stops.stop(**asked, by=world.ana)
    with no_room(), pytest.raises(audit.Unwritable):
        stops.start_again(switch=switch, reason="over", by=world.ana)
    assert KillSwitch.objects.on().get() == switch
    kinds = AuditEvent.objects.filter(kind__startswith="kill_switch").values_list("kind", flat=True)
    assert list(kinds) == ["kill_switch.on"]


def test_a_setting_is_not_deleted_without_its_row(ada: User, client: Client) -> None:
    client.force_login(ada)
    service = Service.objects.create(workspace=Service.objects.get().workspace, name="spare")
    page = reverse("admin:incidents_service_changelist")
    data = {"action": "delete_selected", "_selected_action": service.pk, "post": "yes"}
    with no_room():
        assert client.post(page, data).status_code == 503
    assert Service.objects.filter(pk=service.pk).exists()
    client.post(page, data)
    assert not Service.objects.filter(pk=service.pk).exists()


def test_the_api_answers_503_and_changes_nothing(
    make_world: Callable[[], World], client: Client
) -> None:
    world = make_world()
    _, token = issue_token(user=world.ana, workspace=world.workspace, name="t", by=world.ana)
    path = f"/api/v1/incidents/{world.incident.key}/acknowledge"
    with no_room():
        answer = client.post(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert "nothing was done" in answer.json()["detail"]
    world.incident.refresh_from_db()
    assert world.incident.acknowledged_at is None


def test_other_errors_of_the_database_are_not_taken_for_it() -> None:
    assert audit.is_unwritable(audit.Unwritable("x"))
    assert audit.is_unwritable(DatabaseError("database or disk is full"))
    assert not audit.is_unwritable(DatabaseError("duplicate key value of remediation_plan"))
    assert not audit.is_unwritable(ValueError("incidents_audit"))
