"""Editing a policy: free where it tightens, with a reason and the right to where it loosens."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from incidents.models import AuditEvent
from incidents.permissions import NotPermitted, Role
from remediation.commands.policy import change, limit_loosens, window_loosens
from remediation.commands.refusal import Refused
from remediation.decision.rules import MATRIX
from remediation.models import ActionLimit, FreezeWindow, PasswordCheck, Policy
from remediation.types import RiskBand
from remediation.views.policy_forms import cell
from tests.integration.remediation.conftest import World, member

PASSWORD = "a long enough password"
STRICT = {str(band): ["escalate"] * 4 for band in RiskBand}


@pytest.fixture
def admin(world: World) -> User:
    user = member(world.workspace, "ada", Role.ADMIN)
    user.is_staff = True
    user.set_password(PASSWORD)
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
    with pytest.raises(Refused, match=f"needs your password once more: {words}"):
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
    told = post(admin, policy, allowed_environments="staging, dev", reason="all are here")
    assert "needs your password once more: low risk at 0% confidence: two becomes one" in told
    assert Policy.objects.get().version == 2
    assert "may not tighten with more confidence" in post(admin, policy, low_3="two")


def test_an_admin_loosens_with_a_reason_and_the_password(world: World, admin: User) -> None:
    policy = world.policy(version=1, max_actions_per_hour=2)
    said = {"max_actions_per_hour": 6, "password": PASSWORD}
    assert "say why: per hour: 2 becomes 6" in post(admin, policy, **said)
    assert not PasswordCheck.objects.exists(), "a form without a reason costs no try"
    assert "the password is not right" in post(
        admin, policy, reason="enough people", **{**said, "password": "guess"}
    )
    post(admin, policy, reason="enough people on call", **said)
    policy.refresh_from_db()
    assert (policy.version, policy.max_actions_per_hour) == (2, 6)
    kinds = AuditEvent.objects.filter(kind__startswith="step_up").order_by("at", "pk")
    assert [event.kind for event in kinds] == ["step_up.failed", "step_up.passed"]
    assert PASSWORD not in str(list(AuditEvent.objects.values()))


def test_a_superuser_needs_the_password_as_well(world: World) -> None:
    root = User.objects.create_superuser("root", password=PASSWORD)
    policy = world.policy(version=1, max_actions_per_hour=2)
    said = {"max_actions_per_hour": 6, "reason": "enough people on call"}
    assert "needs your password once more" in post(root, policy, **said)
    assert Policy.objects.get().version == 1
    post(root, policy, **said, password=PASSWORD)
    assert Policy.objects.get().version == 2


def test_the_password_holds_for_five_minutes_in_its_session(world: World, admin: User) -> None:
    policy = world.policy(version=1, max_actions_per_hour=2)
    client = Client()
    client.force_login(admin)
    path = reverse("admin:remediation_policy_change", args=[policy.pk])

    def save(**said: Any) -> int:
        client.post(path, form_of(policy, reason="on call", **said))
        policy.refresh_from_db()
        return policy.max_actions_per_hour

    assert save(max_actions_per_hour=3, password=PASSWORD) == 3
    assert save(max_actions_per_hour=4) == 4
    world.hands.advance(minutes=5)
    assert save(max_actions_per_hour=5) == 4
    assert "needs your password" in post(admin, policy, max_actions_per_hour=5, reason="x")


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"is_enabled": True}, "it is switched on"),
        ({"needs_two": False}, "one person is enough"),
        ({"environments": ["dev", "prod"]}, "more environments"),
        ({"environments": []}, "more environments"),
        ({"maximums": {}}, "replicas may be above 5"),
        ({"maximums": {"replicas": 6}}, "replicas may be above 5"),
        ({"action": "restart"}, "scale is no longer limited"),
    ],
)
def test_what_limits_an_action_less(world: World, now: dict[str, Any], words: str) -> None:
    said: dict[str, Any] = {
        "workspace": world.workspace, "action": "scale", "is_enabled": False, "needs_two": True,
        "environments": ["dev"], "maximums": {"replicas": 5},
    }  # fmt: skip
    old = ActionLimit(**said)
    assert limit_loosens(None, old) == limit_loosens(old, ActionLimit(**said)) == []
    assert limit_loosens(ActionLimit(**{**said, **now}), old) == [] or "action" in now
    (told,) = limit_loosens(old, ActionLimit(**{**said, **now}))
    assert words in told
    assert limit_loosens(old, None) == ["scale is no longer limited"]


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
    gone = reverse("admin:remediation_freezewindow_delete", args=[window.pk])
    assert client.post(gone, {"post": "yes"}).status_code == 403
    assert FreezeWindow.objects.exists()
    client.post(path, {**said, "ends_at_1": "15:00:00", "password": PASSWORD})
    assert client.post(gone, {"post": "yes"}).status_code == 302
    assert not FreezeWindow.objects.exists()


def test_what_counts_as_less_frozen(world: World) -> None:
    window = world.freeze(is_weekly=True)
    assert window_loosens(None, window) == []
    assert window_loosens(window, window) == []
    assert window_loosens(window, None) == ["“release day” is no longer frozen"]
    for name, value in (("environment", "dev"), ("service", world.service), ("is_weekly", False)):
        narrower = FreezeWindow.objects.get(pk=window.pk)
        setattr(narrower, name, value)
        assert window_loosens(window, narrower)
