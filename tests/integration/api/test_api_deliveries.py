"""Deliveries over the API: with their reason, their body for responders alone, read again."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.commands import trial
from incidents.commands.integration import change, create_integration
from incidents.models import Alert, AuditEvent, Delivery, Incident, Integration, Workspace
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db
MANY = 60
BUDGET = 12
WRONG: dict[str, Any] = {
    "state": "refused",
    "error": "title: expected a text",
    "error_field": "title",
}


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="scripts", kind="generic")


def delivered(sender: Integration, number: int = 0, **fields: object) -> Delivery:
    given = {"body": b'{"title": "x"}', "state": Delivery.State.PROCESSED, **fields}
    return Delivery.objects.create(integration=sender, identity=f"{number:064d}", **given)


def listed(caller: Caller, **query: str | int) -> list[str]:
    return [item["id"] for item in caller.get("/deliveries", **query).json()["items"]]


def test_a_refusal_is_listed_with_its_reason_and_field(vera: Caller, sender: Integration) -> None:
    made = delivered(sender, **WRONG)
    (said,) = vera.get("/deliveries").json()["items"]
    assert (said["id"], said["state"]) == (str(made.pk), "refused")
    assert (said["error"], said["error_field"]) == ("title: expected a text", "title")
    assert (said["integration"], said["sender"]) == (str(sender.pk), "scripts")
    assert {"body", "headers"}.isdisjoint(said)


def test_the_list_is_narrowed_as_the_page_is(vera: Caller, sender: Integration) -> None:
    other = Integration.objects.create(workspace=sender.workspace, name="other", kind="generic")
    wrong = str(delivered(sender, 1, **WRONG).pk)
    read = str(delivered(sender, 2).pk)
    theirs = str(delivered(other, 3, state="refused", error="not JSON").pk)
    aside = str(delivered(sender, 4, **WRONG, set_aside_at="2026-03-02T03:00:00Z").pk)
    assert listed(vera) == [aside, theirs, read, wrong]
    assert listed(vera, state="refused") == [aside, theirs, wrong]
    assert listed(vera, state="not_read") == [theirs, wrong]
    assert listed(vera, state="set_aside") == [aside]
    assert listed(vera, state="not_read", integration=str(sender.pk)) == [wrong]
    assert listed(vera, integration=str(uuid4())) == []
    assert listed(vera, q="not json") == [theirs]


def test_pages_follow_one_another_without_a_gap(vera: Caller, sender: Integration) -> None:
    made = [str(delivered(sender, number).pk) for number in range(5)]
    first = vera.get("/deliveries", limit=3).json()
    delivered(sender, 9)
    second = vera.get("/deliveries", limit=3, cursor=first["next"]).json()
    assert [item["id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("integration", "scripts"),
        ("state", "lost"),
        ("q", "x" * 101),
        ("q", "a\x00b"),
        ("cursor", "nonsense"),
        ("limit", "0"),
        ("limit", "201"),
    ],
)
def test_a_filter_that_means_nothing_is_refused_by_name(
    vera: Caller, field: str, value: str
) -> None:
    said = assert_problem(vera.get("/deliveries", **{field: value}), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]


def test_one_delivery_tells_what_it_did(vera: Caller) -> None:
    about = make.incident()
    alert = make.alert(about)
    assert alert.delivery is not None
    said = vera.get(f"/deliveries/{alert.delivery.pk}").json()
    (did,) = said["alerts"]
    assert (did["alert"], did["did"], did["incident"]) == (str(alert.pk), "began", "INC-1")
    assert said["incidents"] == ["INC-1"]
    assert said["why_not_replayed"] == "It has been read: there is nothing to read again."
    assert said["may_be_set_aside"] is False


def test_the_body_is_for_who_may_respond(vera: Caller, remi: Caller, sender: Integration) -> None:
    made = delivered(sender, body=b'{"key":"hunter2"}', headers={"idempotency-key": "once"})
    shown, hidden = (caller.get(f"/deliveries/{made.pk}").json() for caller in (remi, vera))
    assert shown["body"]["text"] == '{\n  "key": "hunter2"\n}'
    assert (shown["body"]["size"], shown["body"]["is_json"]) == (17, True)
    assert shown["headers"] == {"idempotency-key": "once"}
    assert (hidden["body"], hidden["headers"]) == (None, {})
    assert "hunter2" not in json.dumps(hidden)


def test_a_body_whose_keeping_time_was_over_is_null(remi: Caller, sender: Integration) -> None:
    made = delivered(sender, body=b"", body_dropped_at="2026-03-02T03:00:00Z")
    assert remi.get(f"/deliveries/{made.pk}").json()["body"] is None


def test_the_token_of_a_sender_and_its_mark_are_never_told(
    workspace: Workspace, admin_user: User, ada: Caller
) -> None:
    made, token = create_integration(
        workspace=workspace, name="shop", kind="generic", by=admin_user
    )
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    answer = Client(headers=headers).post(
        f"/hooks/{made.pk}/", {"title": "disk full"}, content_type="application/json"
    )
    assert answer.status_code == 202
    kept = Delivery.objects.get()
    assert kept.headers.get("airra-token-mark"), "there is something to be told"
    said = ada.get(f"/deliveries/{kept.pk}").json()
    assert said["headers"] == {"idempotency-key": "once"}
    assert token not in json.dumps(said)
    assert kept.headers["airra-token-mark"] not in json.dumps(said)


def test_what_was_refused_is_read_again_with_the_mapping_of_today(
    remi: Caller,
    admin_user: User,
    sender: Integration,
    django_capture_on_commit_callbacks: Any,
) -> None:
    made = delivered(sender, body=b'{"name": "disk full"}', **WRONG)
    change(integration=sender, by=admin_user, mapping={"title": "name"})
    with django_capture_on_commit_callbacks(execute=True):
        said = remi.post(f"/deliveries/{made.pk}/replay").json()
    assert (said["state"], said["error"], said["replayed_by"]) == ("stored", "", "remi")
    assert Alert.objects.get().title == "disk full"
    assert remi.get(f"/deliveries/{made.pk}").json()["state"] == "processed"
    assert_problem(remi.post(f"/deliveries/{made.pk}/replay"), 409, "nothing to read again")


def test_what_still_cannot_be_read_says_why(remi: Caller, sender: Integration) -> None:
    made = delivered(sender, body=b'{"name": "disk full"}', **WRONG)
    answer = remi.post(f"/deliveries/{made.pk}/replay")
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["error_field"]) == ("refused", "title")


def test_what_nobody_need_read_is_set_aside_once(remi: Caller, sender: Integration) -> None:
    made = delivered(sender, **WRONG)
    said = remi.post(f"/deliveries/{made.pk}/set-aside").json()
    assert said["set_aside_at"]
    assert (said["set_aside_by"], said["may_be_set_aside"]) == ("remi", False)
    assert listed(remi, state="set_aside") == [str(made.pk)]
    assert_problem(remi.post(f"/deliveries/{made.pk}/set-aside"), 409, "asks nobody")
    assert AuditEvent.objects.filter(kind="delivery.set_aside").count() == 1


def test_the_end_of_a_test_is_sent(
    remi: Caller,
    responder: User,
    workspace: Workspace,
    django_capture_on_commit_callbacks: Any,
) -> None:
    sender, _ = create_integration(workspace=workspace, name="shop", kind="generic", by=None)
    with django_capture_on_commit_callbacks(execute=True):
        fired = trial.fire(integration=sender, by=responder).delivery
    assert Incident.objects.live().exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = remi.post(f"/deliveries/{fired.pk}/end-test")
    assert (answer.status_code, answer.json()["is_test"]) == (202, True)
    assert answer.json()["id"] != str(fired.pk)
    assert Alert.objects.get().status == "resolved"
    no_test = delivered(sender)
    assert_problem(remi.post(f"/deliveries/{no_test.pk}/end-test"), 409, "no test")


@pytest.mark.parametrize("deed", ["replay", "set-aside", "end-test"])
def test_a_viewer_reads_deliveries_and_changes_none(
    vera: Caller, sender: Integration, deed: str
) -> None:
    made = delivered(sender, **WRONG)
    said = assert_problem(vera.post(f"/deliveries/{made.pk}/{deed}"), 403, "needs the role")
    assert said["roles"] == ["responder", "approver", "admin"]
    made.refresh_from_db()
    assert (made.state, made.set_aside_at) == ("refused", None)


def test_deliveries_of_another_workspace_are_not_there(
    stranger: Caller, sender: Integration
) -> None:
    made = delivered(sender, **WRONG)
    assert stranger.get("/deliveries").json() == {"items": [], "next": None}
    assert_problem(stranger.get(f"/deliveries/{made.pk}"), 404)
    for deed in ("replay", "set-aside", "end-test"):
        assert_problem(stranger.post(f"/deliveries/{made.pk}/{deed}"), 404)


def test_many_deliveries_cost_no_query_more(remi: Caller, sender: Integration) -> None:
    about = make.incident(about=make.service("payments"))
    first = delivered(sender)
    make.touch(make.alert(about), first)
    paths = ["/deliveries", f"/deliveries/{first.pk}"]
    with_one = [remi.queries_of(path, limit=200) for path in paths]
    for number in range(1, MANY):
        delivered(sender, number)
        make.touch(make.alert(about, title=f"alert {number}"), first)
    assert [remi.queries_of(path, limit=200) for path in paths] == with_one
    assert max(with_one) <= BUDGET
