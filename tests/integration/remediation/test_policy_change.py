"""Editing a policy: free where it tightens, with a reason and the right to where it loosens."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import AuditEvent
from incidents.permissions import NotPermitted, Role
from remediation.commands.policy import change, window_loosens
from remediation.commands.refusal import Refused
from remediation.decision.rules import MATRIX
from remediation.models import FreezeWindow, Policy
from remediation.types import RiskBand
from remediation.views.policy_forms import cell
from tests.integration.remediation.conftest import World, member

STRICT = {str(band): ["escalate"] * 4 for band in RiskBand}


@pytest.fixture
def admin(world: World) -> User:
    user = member(world.workspace, "ada", Role.ADMIN)
    user.is_staff = True
    user.save()
    return user


def test_tightening_is_free_and_raises_the_version(world: World, admin: User) -> None:
    policy = world.policy(version=4)
    changed = change(policy=policy, by=admin, reason="", may_loosen=False, matrix=STRICT)
    assert (changed.version, changed.matrix) == (5, STRICT)
    said = AuditEvent.objects.get(kind="policy.changed")
    assert said.before["matrix"]["low"] == ["one"] * 4
    assert said.after["matrix"]["low"] == ["escalate"] * 4
    assert (said.before["version"], said.after["version"]) == (4, 5)


def test_the_same_policy_again_is_no_change(world: World, admin: User) -> None:
    policy = world.policy(version=4)
    change(policy=policy, by=admin, reason="", may_loosen=False, max_actions_per_hour=6)
    assert Policy.objects.get().version == 4
    assert not AuditEvent.objects.filter(kind="policy.changed").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_actions_per_hour": 7}, "per hour: 6 becomes 7"),
        ({"approval_minutes": 31}, "an approval waits longer: 30 min becomes 31"),
        ({"default_mode": "live"}, "live is offered first"),
    ],
)
def test_loosening_needs_the_right_and_a_reason(
    world: World, admin: User, fields: dict[str, Any], words: str
) -> None:
    policy = world.policy(version=1)
    with pytest.raises(Refused, match=f"needs a fresh sign-in: {words}"):
        change(policy=policy, by=admin, reason="busy week", may_loosen=False, **fields)
    with pytest.raises(Refused, match=f"say why: {words}"):
        change(policy=policy, by=admin, reason=" ", may_loosen=True, **fields)
    changed = change(policy=policy, by=admin, reason="busy week", may_loosen=True, **fields)
    assert changed.version == 2
    assert AuditEvent.objects.get(kind="policy.changed").reason == "busy week"


def test_only_an_admin_changes_a_policy(world: World) -> None:
    with pytest.raises(NotPermitted):
        change(policy=world.policy(), by=world.ana, reason="", may_loosen=True, matrix=STRICT)


def test_a_changed_policy_voids_what_was_approved(world: World, admin: User) -> None:
    execution = world.approved()
    change(
        policy=Policy.objects.get(), by=admin, reason="", may_loosen=False, max_actions_per_hour=5
    )
    assert world.run(execution).state == "stale"


def form_of(policy: Policy, **said: Any) -> dict[str, Any]:
    cells = {
        cell(band, i): str(MATRIX[band][i]) for band in RiskBand for i in range(len(MATRIX[band]))
    }
    fields = ("default_mode", "approval_minutes", "max_actions_per_incident",
              "max_actions_per_target", "max_actions_nearby", "max_fleet_share",
              "max_actions_per_hour")  # fmt: skip
    return {
        "workspace": policy.workspace_id,
        "allowed_environments": "",
        "reason": "",
        **cells,
        **{name: getattr(policy, name) for name in fields},
        **said,
    }


def post(user: User, policy: Policy, **said: Any) -> str:
    client = Client()
    client.force_login(user)
    path = reverse("admin:remediation_policy_change", args=[policy.pk])
    return client.post(path, form_of(policy, **said), follow=True).content.decode()


def test_the_settings_tighten_and_say_what_would_loosen(world: World, admin: User) -> None:
    policy = world.policy(version=1)
    post(admin, policy, low_0="two", allowed_environments="staging, dev")
    policy.refresh_from_db()
    assert (policy.version, policy.allowed_environments) == (2, ["dev", "staging"])
    assert policy.matrix["low"] == ["two", "one", "one", "one"]
    told = post(admin, policy, allowed_environments="staging, dev")
    assert "needs a fresh sign-in: low risk at 0% confidence: two becomes one" in told
    assert Policy.objects.get().version == 2
    assert "may not tighten with more confidence" in post(admin, policy, low_3="two")


def test_a_superuser_loosens_with_a_reason(world: World) -> None:
    root = User.objects.create_superuser("root")
    policy = world.policy(version=1, max_actions_per_hour=2)
    assert "say why: per hour: 2 becomes 6" in post(root, policy, max_actions_per_hour=6)
    post(root, policy, max_actions_per_hour=6, reason="enough people on call")
    policy.refresh_from_db()
    assert (policy.version, policy.max_actions_per_hour) == (2, 6)


def test_a_window_may_grow_and_not_shrink(world: World, admin: User) -> None:
    window = world.freeze()
    client = Client()
    client.force_login(admin)
    path = reverse("admin:remediation_freezewindow_change", args=[window.pk])
    said = {
        "workspace": world.workspace.pk, "reason": "release day", "environment": "", "why": "",
        "starts_at_0": "2026-03-01", "starts_at_1": "12:00:00", "ends_at_0": "2026-03-01",
    }  # fmt: skip
    client.post(path, {**said, "ends_at_1": "15:00:00"})
    window.refresh_from_db()
    assert window.ends_at.hour == 15
    answer = client.post(path, {**said, "ends_at_1": "12:30:00", "why": "done early"})
    assert "freezes less than before" in answer.content.decode()
    window.refresh_from_db()
    assert window.ends_at.hour == 15
    gone = client.post(reverse("admin:remediation_freezewindow_delete", args=[window.pk]))
    assert gone.status_code == 403
    assert FreezeWindow.objects.exists()


def test_what_counts_as_less_frozen(world: World) -> None:
    window = world.freeze(is_weekly=True)
    assert window_loosens(None, window) == []
    assert window_loosens(window, window) == []
    assert window_loosens(window, None) == ["“release day” is no longer frozen"]
    for name, value in (("environment", "dev"), ("service", world.service), ("is_weekly", False)):
        narrower = FreezeWindow.objects.get(pk=window.pk)
        setattr(narrower, name, value)
        assert window_loosens(window, narrower)
