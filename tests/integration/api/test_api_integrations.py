"""Integrations over the API: set up, changed and tried; a secret is told once, and by no GET."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from incidents.commands.integration import create_integration, set_signing_key
from incidents.ingest.guides import GUIDES
from incidents.models import Alert, AuditEvent, Delivery, Integration, Workspace
from tests.integration.api.conftest import Caller, assert_problem

pytestmark = pytest.mark.django_db
MANY = 60
BUDGET = 12
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


@pytest.fixture
def sender(workspace: Workspace, admin_user: User) -> Integration:
    made, _ = create_integration(workspace=workspace, name="shop", kind="generic", by=admin_user)
    return made


def knocks(integration: object, token: str, title: str = "disk full") -> int:
    """What a sender with this token is answered."""
    answer = Client(headers={"Authorization": f"Bearer {token}"}).post(
        f"/hooks/{integration}/", {"title": title}, content_type="application/json"
    )
    return answer.status_code


def test_integrations_are_listed_by_name(vera: Caller, sender: Integration) -> None:
    Integration.objects.create(workspace=sender.workspace, name="a", kind="grafana")
    Delivery.objects.create(integration=sender, identity="1", body=b"", state="refused")
    first, second = vera.get("/integrations").json()
    assert (first["name"], first["standing"]) == ("a", "waiting")
    assert (second["name"], second["kind"], second["standing"]) == ("shop", "generic", "refused")
    assert (second["came"], second["not_read"]) == (1, 1)
    assert second["path"] == f"/hooks/{sender.pk}/"


def test_the_secret_is_told_once_and_opens_the_door(ada: Caller) -> None:
    answer = ada.post("/integrations", {"kind": "generic", "name": "shop", "rate_per_min": 60})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    said = answer.json()
    made = said["integration"]
    assert (made["name"], made["rate_per_min"], made["is_active"]) == ("shop", 60, True)
    assert said["secret_is"] == "Token"
    assert said["set_up"]["address"].endswith(f"/hooks/{made['id']}/")
    assert said["secret"] in "".join(each["text"] for each in said["set_up"]["snippets"])
    assert knocks(made["id"], said["secret"]) == 202
    for path in ("/integrations", f"/integrations/{made['id']}"):
        told = json.dumps(ada.get(path).json())
        assert said["secret"] not in told
        assert said["secret"][:8] not in told, "not its beginning either"
    assert said["secret"] not in repr(list(AuditEvent.objects.values()))


def test_what_one_integration_tells_holds_no_secret(
    vera: Caller, sender: Integration, admin_user: User
) -> None:
    key = set_signing_key(integration=sender, by=admin_user)
    said = vera.get(f"/integrations/{sender.pk}").json()
    assert [(each["use"], each["is_over"]) for each in said["secrets"]] == [
        ("signing", False),
        ("token", False),
    ]
    told = json.dumps(said)
    assert key not in told
    for secret in sender.secrets.exclude(digest=None):
        assert secret.digest is not None
        assert secret.digest not in told
        assert secret.prefix not in told
    assert set(said["secrets"][0]) == {"use", "created_at", "ends_at", "is_over", "last_used_at"}


@pytest.mark.parametrize("kind", sorted(GUIDES))
def test_every_kind_is_set_up_as_its_page_says(ada: Caller, kind: str) -> None:
    topics = [TOPIC] if kind == "cloudwatch_sns" else []
    said = ada.post("/integrations", {"kind": kind, "name": "one", "topics": topics}).json()
    proof = GUIDES[kind].proof
    assert bool(said["secret"]) == (proof in {"token", "routing key", "secret"})
    assert said["secret_is"].lower() == proof
    assert said["set_up"]["steps"]
    assert ada.get(f"/integrations/{said['integration']['id']}").status_code == 200


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "generic"}, "name"),
        ({"kind": "generic", "name": " "}, "name"),
        ({"kind": "generic", "name": "x" * 101}, "name"),
        ({"kind": "generic", "name": "a\x00b"}, "name"),
        ({"kind": "generic", "name": "shop"}, "name"),
        ({"name": "one"}, "kind"),
        ({"kind": "pigeon", "name": "one"}, "kind"),
        ({"kind": "otlp", "name": "one"}, "kind"),
        ({"kind": "cloudwatch_sns", "name": "one"}, "topics"),
        ({"kind": "cloudwatch_sns", "name": "one", "topics": ["alarms"]}, "topics"),
        ({"kind": "generic", "name": "one", "rate_per_min": 0}, "rate_per_min"),
        ({"kind": "generic", "name": "one", "max_body_kib": 4097}, "max_body_kib"),
        ({"kind": "generic", "name": "one", "heartbeat_min": 10081}, "heartbeat_min"),
    ],
)
def test_a_setting_that_cannot_be_used_is_told_beside_its_field(
    ada: Caller, sender: Integration, given: dict[str, Any], field: str
) -> None:
    said = assert_problem(ada.post("/integrations", given), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert said["errors"][0]["message"]
    assert list(Integration.objects.all()) == [sender], "nothing of it was kept"


def test_paused_it_lets_nothing_in_until_it_is_switched_on(ada: Caller) -> None:
    said = ada.post("/integrations", {"kind": "generic", "name": "shop"}).json()
    path, token = f"/integrations/{said['integration']['id']}", said["secret"]
    assert ada.post(f"{path}/switch", {"is_on": False}).json()["standing"] == "paused"
    assert knocks(said["integration"]["id"], token) == 404
    assert ada.post(f"{path}/switch", {"is_on": True}).json()["is_active"] is True
    assert knocks(said["integration"]["id"], token) == 202
    said = assert_problem(ada.post(f"{path}/switch", {}), 422, "is_on")
    assert [error["field"] for error in said["errors"]] == ["is_on"]


def test_a_new_token_holds_and_the_old_one_for_so_long_more(
    ada: Caller, hands: clock.Hands
) -> None:
    made = ada.post("/integrations", {"kind": "generic", "name": "shop"}).json()
    pk, old = made["integration"]["id"], made["secret"]
    answer = ada.post(f"/integrations/{pk}/token", {"overlap_h": 1})
    new = answer.json()["secret"]
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert new not in {"", old}
    assert [knocks(pk, old, "a"), knocks(pk, new, "b")] == [202, 202]
    hands.advance(minutes=61)
    assert [knocks(pk, old, "c"), knocks(pk, new, "d")] == [401, 202]


def test_a_key_that_airra_makes_is_told_and_one_that_is_brought_is_not(
    ada: Caller, sender: Integration
) -> None:
    path = f"/integrations/{sender.pk}/signing-key"
    answer = ada.post(path, {})
    assert (answer.json()["secret_is"], answer["Cache-Control"]) == ("Signing key", "no-store")
    assert len(answer.json()["secret"]) > 20
    answer = ada.post(path, {"key": "brought along", "overlap_h": 0})
    assert answer.json()["secret"] == ""
    assert "brought along" not in answer.content.decode()
    assert sender.secrets.filter(use="signing").count() == 2


@pytest.mark.parametrize(
    ("kind", "deed", "given", "field"),
    [
        ("generic", "token", {"overlap_h": -1}, "overlap_h"),
        ("generic", "token", {"overlap_h": 721}, "overlap_h"),
        ("generic", "token", {"overlap_h": "soon"}, "overlap_h"),
        ("generic", "signing-key", {"key": "short"}, "key"),
        ("generic", "signing-key", {"key": "x" * 501}, "key"),
        ("generic", "signing-key", {"overlap_h": 721}, "overlap_h"),
        ("pagerduty", "signing-key", {}, "key"),
        ("github", "token", {}, "kind"),
        ("alertmanager", "signing-key", {}, "kind"),
    ],
)
def test_a_secret_that_cannot_be_made_is_told_beside_its_field(
    ada: Caller, workspace: Workspace, kind: str, deed: str, given: dict[str, Any], field: str
) -> None:
    made, _ = create_integration(workspace=workspace, name="one", kind=kind, by=None)
    before = made.secrets.count()
    said = assert_problem(ada.post(f"/integrations/{made.pk}/{deed}", given), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert made.secrets.count() == before


def test_a_test_alert_goes_the_whole_way(
    remi: Caller, sender: Integration, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        answer = remi.post(f"/integrations/{sender.pk}/test")
    assert answer.status_code == 202
    assert answer.json()["is_test"] is True
    said = remi.get(f"/deliveries/{answer.json()['id']}").json()
    assert said["state"] == "processed"
    assert said["alerts"][0]["alert"] == str(Alert.objects.get().pk)


def test_what_brings_no_alerts_or_is_paused_cannot_be_tested(
    remi: Caller, workspace: Workspace
) -> None:
    for kind, words in (("changes", "brings no alerts"), ("generic", "is paused")):
        made, _ = create_integration(workspace=workspace, name=kind, kind=kind, by=None)
        Integration.objects.filter(pk=made.pk).update(is_active=False)
        assert_problem(remi.post(f"/integrations/{made.pk}/test"), 409, words)
    assert not Delivery.objects.exists()


def test_only_an_admin_changes_an_integration(
    vera: Caller, remi: Caller, sender: Integration
) -> None:
    path = f"/integrations/{sender.pk}"
    for caller in (vera, remi):
        for where, given in (
            ("/integrations", {"kind": "generic", "name": "mine"}),
            (f"{path}/switch", {"is_on": False}),
            (f"{path}/token", {}),
            (f"{path}/signing-key", {}),
        ):
            said = assert_problem(caller.post(where, given), 403, "needs the role admin")
            assert said["roles"] == ["admin"]
    assert_problem(vera.post(f"{path}/test"), 403, "responder")
    sender.refresh_from_db()
    assert (sender.is_active, sender.secrets.count()) == (True, 1)
    assert Integration.objects.count() == 1


def test_integrations_of_another_workspace_are_not_there(
    stranger: Caller, sender: Integration
) -> None:
    assert stranger.get("/integrations").json() == []
    assert_problem(stranger.get(f"/integrations/{sender.pk}"), 404)
    for deed, given in (
        ("switch", {"is_on": False}),
        ("token", {}),
        ("signing-key", {}),
        ("test", {}),
    ):
        assert_problem(stranger.post(f"/integrations/{sender.pk}/{deed}", given), 404)
    assert sender.secrets.count() == 1
    assert_problem(stranger.get(f"/integrations/{uuid4()}"), 404)


def test_many_integrations_cost_no_query_more(vera: Caller, sender: Integration) -> None:
    paths = ["/integrations", f"/integrations/{sender.pk}"]
    with_one = [vera.queries_of(path) for path in paths]
    for number in range(MANY):
        Integration.objects.create(workspace=sender.workspace, name=f"s{number}", kind="grafana")
        Delivery.objects.create(integration=sender, identity=f"{number}", body=b"")
    assert [vera.queries_of(path) for path in paths] == with_one
    assert max(with_one) <= BUDGET
