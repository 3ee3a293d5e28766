"""What a workspace takes away from the catalogue, from the settings page to the plan."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from incidents.models import AuditEvent, Membership, Workspace
from incidents.permissions import Role
from remediation.commands import plan as plans
from remediation.commands.acting import plan as acting
from remediation.commands.refusal import Refused
from remediation.models import ActionLimit
from remediation.queries.catalogue import limits_in
from tests.integration.remediation.conftest import World

PASSWORD = "a long enough password"
TRAFFIC = {"mechanism": "traffic", "signal": "traffic", "statement": "too much traffic"}


def limit(world: World, action: str = "scale", **fields: Any) -> ActionLimit:
    return ActionLimit.objects.create(workspace=world.workspace, action=action, **fields)


def test_what_is_switched_off_is_neither_proposed_nor_asked_for(world: World) -> None:
    limit(world, is_enabled=False)
    investigation = world.investigated(**TRAFFIC)
    assert acting.create_for(investigation_id=str(investigation.pk)) is None
    with pytest.raises(Refused, match="this workspace has switched it off"):
        ask(world, replicas=4)


def test_a_maximum_is_kept_by_what_is_proposed(world: World) -> None:
    limit(world, maximums={"replicas": 3})
    assert world.planned(**TRAFFIC).params == {"replicas": 3}


def test_what_a_person_asks_above_it_is_lowered_and_shown(world: World) -> None:
    limit(world, maximums={"replicas": 3})
    plan = ask(world, replicas=9)
    assert plan.params == {"replicas": 3}
    assert plan.why.startswith("replicas lowered from 9 to 3, the most allowed; requested by")
    assert plan.title == "Scale payments to 3 replicas"


def test_lowering_that_would_take_away_is_refused(world: World) -> None:
    world.server.things["payments"].replicas = 8
    limit(world, maximums={"replicas": 5})
    with pytest.raises(Refused, match="8 is what it has already"):
        ask(world, replicas=16)
    assert world.server.effects == []


def test_two_people_where_the_workspace_wants_them(world: World) -> None:
    limit(world, "restart", needs_two=True)
    plan = world.planned()
    assert world.pending(plan).needed == 2
    assert "this workspace wants two people for it" in plan.decision_reasons


def test_only_in_the_environments_it_names(world: World) -> None:
    limit(world, environments=["dev"])
    with pytest.raises(Refused, match="in dev only, not in staging"):
        ask(world, replicas=4)


@pytest.mark.parametrize("broken", [{"maximums": [5]}, {"maximums": {"replicas": "x"}}])
def test_a_row_that_cannot_be_read_switches_the_action_off(
    world: World, broken: dict[str, Any]
) -> None:
    limit(world, **broken)
    assert not limits_in(world.workspace)["scale"].is_enabled


def test_another_workspaces_limits_are_not_ours(world: World) -> None:
    ActionLimit.objects.create(workspace=other_workspace(), action="scale", is_enabled=False)
    assert limits_in(world.workspace) == {}


# -- the settings page ---------------------------------------------------------------------------


def test_a_new_limit_voids_what_was_approved_before(world: World, client: Client) -> None:
    execution = world.approved()
    before = world.policy().version
    assert save(client, world, maximums={"replicas": 5}).status_code == 302
    assert world.policy().version == before + 1
    assert world.run(execution).state == "stale"
    assert AuditEvent.objects.filter(kind="actionlimit.created").count() == 1
    row = ActionLimit.objects.get()
    gone = f"/admin/remediation/actionlimit/{row.pk}/delete/"
    assert client.post(gone, {"post": "yes"}).status_code == 403, "that would loosen"
    row_form = {
        **form_of(world, maximums={"replicas": 6}), "why": "we grew", "password": PASSWORD,
    }  # fmt: skip
    client.post(f"/admin/remediation/actionlimit/{row.pk}/change/", row_form)
    assert world.policy().version == before + 2
    assert client.post(gone, {"post": "yes"}).status_code == 302
    assert world.policy().version == before + 3


def test_a_wider_limit_needs_a_reason_and_the_password(world: World, client: Client) -> None:
    save(client, world, maximums={"replicas": 5})
    row = ActionLimit.objects.get()
    path = f"/admin/remediation/actionlimit/{row.pk}/change/"
    wider = form_of(world, maximums={"replicas": 6})
    told = client.post(path, wider).content.decode()
    assert "say why: scale: replicas may be above 5" in told
    told = client.post(path, {**wider, "why": "we grew"}).content.decode()
    assert "needs your password once more: scale: replicas may be above 5" in told
    row.refresh_from_db()
    assert row.maximums == {"replicas": 5}


@pytest.mark.parametrize(
    ("maximums", "said"),
    [
        ({"replicas": 21}, "between 1 and 20"),
        ({"replicas": 0}, "between 1 and 20"),
        ({"replicas": "5"}, "is not a number"),
        ({"replicas": True}, "is not a number"),
        ({"memory_mb": 5}, "has no number memory_mb"),
        ([5], "Give names and numbers"),
    ],
)
def test_what_would_widen_or_mean_nothing_is_refused(
    world: World, client: Client, maximums: Any, said: str
) -> None:
    answer = save(client, world, maximums=maximums)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not ActionLimit.objects.exists()


def test_environments_are_a_list_of_names(world: World, client: Client) -> None:
    answer = save(client, world, environments={"prod": True})
    assert "Give a list of names" in answer.content.decode()


def save(client: Client, world: World, **said: Any) -> Any:
    admin = User.objects.create_user("root", password=PASSWORD, is_staff=True)
    group, _ = Group.objects.get_or_create(name=Role.ADMIN)
    Membership.objects.create(workspace=world.workspace, user=admin, role=group)
    client.force_login(admin)
    return client.post("/admin/remediation/actionlimit/add/", form_of(world, **said))


def form_of(world: World, **said: Any) -> dict[str, Any]:
    return {
        "workspace": world.workspace.pk,
        "action": "scale",
        "is_enabled": "on",
        "maximums": json.dumps(said.get("maximums", {})),
        "environments": json.dumps(said.get("environments", [])),
    }


def ask(world: World, **params: Any) -> Any:
    wish = plans.request_action(
        incident=world.incident,
        action="scale",
        service="payments",
        params=params,
        by=world.requester,
    )
    return world.answered(wish)


def other_workspace() -> Any:
    return Workspace.objects.create(name="Elsewhere")
