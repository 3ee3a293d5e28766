"""Alerts over the API: listed as the page lists them, told with their reasons, and moved."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands.access import give_role, issue_token
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, AuditEvent, GroupingDecision, Integration, Workspace
from incidents.permissions import Role
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem
from tests.integration.incidents.telling import Told

pytestmark = pytest.mark.django_db
BUDGET = 12


@pytest.fixture
def told(workspace: Workspace, hands: clock.Hands) -> Any:
    sender = Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")
    return lambda key, service="payments", **labels: Told(sender, key, service, labels)


def titles(caller: Caller, **query: str | int) -> list[str]:
    return [item["title"] for item in caller.get("/alerts", **query).json()["items"]]


def test_an_alert_is_listed_with_what_it_is_about(vera: Caller) -> None:
    about = make.incident(about=make.service("payments"))
    alert = make.alert(about, labels={"region": "eu-1"})
    (said,) = vera.get("/alerts").json()["items"]
    assert said["id"] == str(alert.pk)
    assert (said["title"], said["status"], said["severity"]) == (alert.title, "firing", "high")
    assert (said["service"], said["incident"]) == ("payments", "INC-1")
    assert (said["integration"], said["sender"]) == (str(alert.integration_id), "alertmanager")
    assert (said["labels"], said["silenced_by"], said["ends_at"]) == (
        {"region": "eu-1"},
        None,
        None,
    )


def test_the_list_is_narrowed_as_the_page_is(vera: Caller) -> None:
    about = make.incident(about=make.service("payments"))
    eu = make.alert(about, title="eu", labels={"region": "eu-1"}, severity=Severity.LOW)
    over = {"status": AlertStatus.RESOLVED, "ends_at": clock.now()}
    make.alert(about, title="over", labels={"region": "us-1"}, **over)
    make.alert(make.incident(about=make.service("search")), title="flaps", is_flapping=True)
    quiet = make.alert(about, title="quiet", silenced_by=make.silence())
    Alert.objects.filter(pk=quiet.pk).update(incident=None)
    assert titles(vera) == ["quiet", "flaps", "over", "eu"]
    assert titles(vera, view="live") == ["quiet", "flaps", "eu"]
    assert titles(vera, view="flapping") == ["flaps"]
    assert titles(vera, view="silenced") == ["quiet"]
    assert titles(vera, view="resolved") == titles(vera, status="resolved") == ["over"]
    assert titles(vera, severity="low") == ["eu"]
    assert titles(vera, service="search") == ["flaps"]
    assert titles(vera, service="nobody knows") == []
    assert titles(vera, integration=str(eu.integration_id)) == titles(vera)
    assert titles(vera, integration=str(uuid4())) == []
    assert titles(vera, q="region=eu-1") == ["eu"]
    assert titles(vera, q="region=eu-1 flaps") == []
    assert titles(vera, q="search") == ["flaps"]


def test_pages_follow_one_another_while_alerts_arrive(vera: Caller) -> None:
    about = make.incident()
    before = [str(make.alert(about).pk) for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(9):
        said = vera.get("/alerts", limit=2, **cursor).json()
        seen += [item["id"] for item in said["items"]]
        if said["next"] is None:
            break
        cursor = {"cursor": said["next"]}
        make.alert(about)
    assert seen == before[::-1]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("view", "loud"),
        ("status", "burning"),
        ("severity", "page"),
        ("service", "a\x00b"),
        ("integration", "prom"),
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
    said = assert_problem(vera.get("/alerts", **{field: value}), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert said["errors"][0]["message"]


def test_one_alert_is_told_with_its_reasons_episodes_and_deliveries(
    told: Any, vera: Caller, hands: clock.Hands
) -> None:
    one = told("A", region="eu-1")
    one.says("firing")
    hands.advance(minutes=5)
    one.says("resolved")
    hands.advance(minutes=30)
    one.says("firing")
    said = vera.get(f"/alerts/{one.alert().pk}").json()
    assert [each["status"] for each in said["episodes"]] == ["firing", "resolved"]
    assert said["episodes"][0]["id"] == said["id"]
    newest = GroupingDecision.objects.filter(alert=said["id"]).latest("id")
    told_last = said["decisions"][-1]
    assert (told_last["means"], told_last["reason"]) == (newest.means, newest.reason)
    assert told_last["incident"] == said["incident"]
    assert newest.reason


def test_an_alert_names_the_deliveries_that_told_of_it(vera: Caller) -> None:
    alert = make.alert(make.incident(), description="too much", annotations={"run": "book"})
    said = vera.get(f"/alerts/{alert.pk}").json()
    assert (said["description"], said["annotations"]) == ("too much", {"run": "book"})
    (word,) = said["told_by"]
    assert (word["delivery"], word["did"]) == (str(alert.delivery_id), "began")


def test_an_alert_is_moved_to_another_incident_with_its_reason(told: Any, remi: Caller) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    left, _, there = a.says("firing"), b.says("firing"), c.says("firing")
    path = f"/alerts/{b.alert().pk}/move"
    said = remi.post(path, {"to": there.key.lower(), "reason": "it is the index"}).json()
    assert said["incident"] == there.key
    last = said["decisions"][-1]
    assert (last["means"], last["moved_from"], last["by"]) == ("person", left.key, "remi")
    assert "it is the index" in last["reason"]
    row = AuditEvent.objects.get(kind="alert.moved")
    assert (row.before, row.after) == ({"incident": left.key}, {"incident": there.key})


def test_an_alert_is_split_off_into_a_new_incident(told: Any, remi: Caller) -> None:
    a, b = told("A"), told("B")
    left = a.says("firing")
    assert b.says("firing") == left
    said = remi.post(f"/alerts/{b.alert().pk}/move", {"to": "new"}).json()
    assert said["incident"] not in {None, left.key}
    assert said["decisions"][-1]["moved_from"] == left.key


def test_where_an_alert_cannot_go_is_told_beside_the_field(told: Any, remi: Caller) -> None:
    a = told("A")
    here = a.says("firing")
    path = f"/alerts/{a.alert().pk}/move"
    said = assert_problem(remi.post(path, {"to": here.key}), 422, "to", "already")
    assert said["errors"] == [{"field": "to", "message": f"it is in {here.key} already"}]
    assert_problem(remi.post(path, {"to": "new"}), 422, "the only alert")
    assert_problem(remi.post(path, {"to": "INC-99"}), 404, "INC-99")
    for given, field in (
        ({}, "to"),
        ({"to": ""}, "to"),
        ({"to": "new", "reason": "x" * 201}, "reason"),
    ):
        said = assert_problem(remi.post(path, given), 422)
        assert [error["field"] for error in said["errors"]] == [field]
    assert not GroupingDecision.objects.filter(means="person").exists()


def test_an_incident_of_another_workspace_takes_no_alert(told: Any, responder: User) -> None:
    """Though the caller may respond there too, a token is for one workspace."""
    there = make.workspace("elsewhere")
    a = told("A")
    here = a.says("firing")
    give_role(user=responder, workspace=there, role=Role.RESPONDER)
    Workspace.objects.filter(pk=there.pk).update(last_incident_number=40)
    theirs = make.incident(place=make.workspace("elsewhere"))
    _, text = issue_token(user=responder, workspace=here.workspace, name="t", by=responder)
    answer = Caller(text).post(f"/alerts/{a.alert().pk}/move", {"to": theirs.key})
    assert_problem(answer, 404, theirs.key)
    assert a.alert().incident == here


def test_a_viewer_reads_alerts_and_moves_none(told: Any, vera: Caller) -> None:
    a, b = told("A"), told("B")
    a.says("firing")
    b.says("firing")
    said = assert_problem(vera.post(f"/alerts/{b.alert().pk}/move", {"to": "new"}), 403, "role")
    assert said["roles"] == ["responder", "approver", "admin"]
    assert not GroupingDecision.objects.filter(means="person").exists()


def test_alerts_of_another_workspace_are_not_there(stranger: Caller) -> None:
    alert = make.alert(make.incident())
    assert stranger.get("/alerts").json() == {"items": [], "next": None}
    assert_problem(stranger.get(f"/alerts/{alert.pk}"), 404)
    assert_problem(stranger.post(f"/alerts/{alert.pk}/move", {"to": "new"}), 404)


def test_many_alerts_cost_no_query_more(vera: Caller) -> None:
    about = make.incident(about=make.service("payments"))
    alert = make.alert(about, silenced_by=make.silence())
    paths = ["/alerts", f"/alerts/{alert.pk}"]
    with_one = [vera.queries_of(path, limit=200) for path in paths]
    for number in range(60):
        each = make.alert(about, title=f"alert {number}", dedup_key=f"many-{number}")
        GroupingDecision.objects.create(alert=each, incident=about, means="alone", reason="r")
        assert each.delivery is not None
        make.touch(alert, each.delivery, "repeated")
        GroupingDecision.objects.create(
            alert=alert, incident=about, moved_from=about, means="alone", reason="r"
        )
    assert [vera.queries_of(path, limit=200) for path in paths] == with_one
    assert max(with_one) <= BUDGET
