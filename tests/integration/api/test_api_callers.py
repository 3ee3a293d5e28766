"""Who is let in by the API, and that a token opens one workspace only."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from incidents.commands.access import give_role, issue_token, revoke_token
from incidents.models import (
    ApiToken,
    GroupingRule,
    Incident,
    Membership,
    RuleTrial,
    Workspace,
)
from incidents.permissions import Role
from remediation.models import Approval, Plan
from tests.factories import incidents as make
from tests.factories import remediation as story
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db
CallAs = Callable[[User], Caller]


@pytest.mark.parametrize("token", ["", "wrong", "airra_api_", "\x00", "x" * 5000])
def test_without_a_known_token_nobody_is_let_in(token: str) -> None:
    answer = Caller(token).get("/incidents")
    assert_problem(answer, 401, "Authorization: Bearer")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_token(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    assert_problem(client.get("/api/v1/incidents"), 401)


def test_a_token_ends_at_its_time(viewer: User, workspace: Workspace, hands: clock.Hands) -> None:
    until = clock.now() + timedelta(hours=1)
    _, text = issue_token(
        user=viewer, workspace=workspace, name="short", by=viewer, expires_at=until
    )
    assert Caller(text).get("/incidents").status_code == 200
    hands.advance(minutes=60)
    assert_problem(Caller(text).get("/incidents"), 401)


def test_a_revoked_token_opens_nothing(viewer: User, workspace: Workspace) -> None:
    token, text = issue_token(user=viewer, workspace=workspace, name="lost", by=viewer)
    revoke_token(token=token, by=viewer)
    assert_problem(Caller(text).get("/incidents"), 401)


def test_the_token_of_somebody_inactive_opens_nothing(viewer: User, call_as: CallAs) -> None:
    caller = call_as(viewer)
    User.objects.filter(pk=viewer.pk).update(is_active=False)
    assert_problem(caller.get("/incidents"), 401)


def test_the_token_of_somebody_who_has_left_opens_nothing(approver: User, call_as: CallAs) -> None:
    """The token is still there and the person still active, elsewhere."""
    story.with_story()
    caller = call_as(approver)
    Membership.objects.filter(user=approver).delete()
    for path in (
        "/incidents",
        "/incidents/INC-1",
        "/approvals/pending",
        f"/approvals/{Approval.objects.get().pk}",
        f"/actions/{Plan.objects.get().pk}",
    ):
        assert_problem(caller.get(path), 401)


def test_when_a_token_was_used_is_noted_once_a_minute(
    viewer: User, call_as: CallAs, hands: clock.Hands
) -> None:
    caller = call_as(viewer)
    caller.get("/incidents")
    first = ApiToken.objects.get().last_used_at
    assert first == clock.now()
    hands.advance(seconds=30)
    caller.get("/incidents")
    assert ApiToken.objects.get().last_used_at == first
    hands.advance(seconds=31)
    caller.get("/incidents")
    assert ApiToken.objects.get().last_used_at == clock.now()


def test_a_token_of_another_workspace_sees_nothing(call_as: CallAs) -> None:
    story.with_story()
    stranger = call_as(make.person(Role.ADMIN, place=make.workspace("elsewhere")))
    assert stranger.get("/incidents").json() == {"items": [], "next": None}
    assert stranger.get("/approvals/pending").json() == {"items": [], "next": None}
    approval, plan = Approval.objects.get(), Plan.objects.get()
    for path in (
        "/incidents/INC-1",
        "/incidents/INC-1/timeline",
        "/incidents/INC-1/investigation",
        f"/approvals/{approval.pk}",
        f"/actions/{plan.pk}",
    ):
        assert_problem(stranger.get(path), 404)
    for path, body in (
        ("/incidents/INC-1/acknowledge", {}),
        ("/incidents/INC-1/resolve", {"resolution": "mine now"}),
        ("/incidents/INC-1/reopen", {"reason": "mine now"}),
        ("/incidents/INC-1/notes", {"text": "I was here"}),
        ("/incidents/INC-1/analyze", {}),
        (f"/approvals/{approval.pk}/approve", {"approved_by": "x", "execution_mode": "live"}),
        (f"/approvals/{approval.pk}/reject", {"comment": "no"}),
        (f"/actions/{plan.pk}/execute", {}),
    ):
        assert_problem(stranger.post(path, body), 404)
    assert Incident.objects.get().events.filter(text__contains="I was here").count() == 0


def test_a_token_is_for_one_workspace_even_when_its_user_is_in_two(viewer: User) -> None:
    here, there = make.workspace(), make.workspace("elsewhere")
    Membership.objects.create(
        workspace=there, user=viewer, role=Membership.objects.get(user=viewer).role
    )
    make.incident(title="here", place=here)
    make.incident(title="there", place=there)
    _, text = issue_token(user=viewer, workspace=there, name="there", by=viewer)
    assert [item["title"] for item in Caller(text).get("/incidents").json()["items"]] == ["there"]
    assert Caller(text).get("/incidents/INC-1").json()["title"] == "there"


def test_a_superuser_needs_no_membership(workspace: Workspace) -> None:
    root = User.objects.create_superuser("root")
    _, text = issue_token(user=root, workspace=workspace, name="root", by=root)
    make.incident(place=workspace)
    assert len(Caller(text).get("/incidents").json()["items"]) == 1


@pytest.mark.parametrize(
    "key", ["INC-999", "INC-", "nonsense", "INC-99999999999999999999", "INC-٣"]
)
def test_an_incident_that_is_not_there_is_not_found(
    viewer: User, call_as: CallAs, key: str
) -> None:
    assert_problem(call_as(viewer).get(f"/incidents/{key}"), 404, "there is no incident")


def test_what_is_not_there_is_not_found(approver: User, call_as: CallAs) -> None:
    caller = call_as(approver)
    assert_problem(caller.get(f"/approvals/{uuid4()}"), 404)
    assert_problem(caller.get(f"/actions/{uuid4()}"), 404)
    assert_problem(caller.get("/approvals/not-a-uuid"), 422, "approval_id")
    assert_problem(caller.get("/actions/not-a-uuid"), 422, "plan_id")


def test_a_token_opens_one_workspace_though_its_owner_is_admin_in_two(
    workspace: Workspace, admin_user: User
) -> None:
    there = make.workspace("elsewhere")
    give_role(user=admin_user, workspace=there, role=Role.ADMIN)
    alert = make.alert(make.incident())
    silence = make.silence()
    rule = GroupingRule.objects.create(workspace=workspace, name="r", group_by=["region"])
    trial = RuleTrial.objects.create(
        workspace=workspace, days=1, draft={"name": "r", "group_by": ["region"]}
    )
    here, elsewhere = (
        Caller(issue_token(user=admin_user, workspace=place, name="t", by=admin_user)[1])
        for place in (workspace, there)
    )
    for path, one in (
        ("/alerts", alert.pk),
        ("/deliveries", alert.delivery_id),
        ("/integrations", alert.integration_id),
        ("/silences", silence.pk),
        ("/grouping-rules", rule.pk),
        ("/rule-trials", trial.pk),
    ):
        told = [caller.get(path).json() for caller in (here, elsewhere)]
        counts = [len(each["items"] if isinstance(each, dict) else each) for each in told]
        assert counts == [1, 0], path
        assert here.get(f"{path}/{one}").status_code == 200
        assert_problem(elsewhere.get(f"{path}/{one}"), 404)
    assert_problem(elsewhere.post(f"/grouping-rules/{rule.pk}/switch", {"is_on": True}), 404)
    assert_problem(elsewhere.post(f"/silences/{silence.pk}/end"), 404)
    assert_problem(elsewhere.post(f"/integrations/{alert.integration_id}/token", {}), 404)
