"""Grouping rules over the API: written off, tried on history, switched on by an admin."""

from typing import Any

import pytest

from airra.lib import clock
from incidents.commands import rule_trial
from incidents.models import (
    AuditEvent,
    GroupingDecision,
    GroupingRule,
    Integration,
    RuleTrial,
    Workspace,
)
from tests.factories import incidents as make
from tests.integration.api.conftest import Caller, assert_problem
from tests.integration.incidents.telling import Told

pytestmark = pytest.mark.django_db
MANY = 40
BUDGET = 12
EU = {"label": "region", "op": "=", "value": "eu-1"}
RULE: dict[str, Any] = {"name": "regions", "matchers": [EU], "group_by": ["region", "region"]}


@pytest.fixture
def rule(workspace: Workspace) -> GroupingRule:
    return GroupingRule.objects.create(workspace=workspace, name="hosts", group_by=["host"])


def test_a_rule_is_written_and_off(ada: Caller) -> None:
    answer = ada.post("/grouping-rules", {**RULE, "threshold": 3, "match": "any"})
    assert answer.status_code == 201
    said = answer.json()
    assert (said["name"], said["is_active"], said["match"]) == ("regions", False, "any")
    assert (said["matchers"], said["group_by"]) == ([EU], ["region"])
    assert (said["window_min"], said["threshold"], said["position"]) == (10, 3, 100)
    made = GroupingRule.objects.get()
    assert (str(made.pk), made.matchers) == (said["id"], [EU])
    assert ada.get(f"/grouping-rules/{made.pk}").json() == said


def test_all_of_a_rule_is_replaced_and_it_stays_on(ada: Caller, rule: GroupingRule) -> None:
    assert ada.post(f"/grouping-rules/{rule.pk}/switch", {"is_on": True}).json()["is_active"]
    said = ada.put(f"/grouping-rules/{rule.pk}", RULE).json()
    assert (said["name"], said["group_by"], said["is_active"]) == ("regions", ["region"], True)
    assert (
        ada.post(f"/grouping-rules/{rule.pk}/switch", {"is_on": False}).json()["is_active"] is False
    )
    kinds = AuditEvent.objects.filter(kind__startswith="grouping_rule").order_by("pk")
    assert list(kinds.values_list("kind", flat=True)) == [
        "grouping_rule.switched",
        "grouping_rule.changed",
        "grouping_rule.switched",
    ]


def test_rules_are_listed_as_they_are_asked_with_what_they_decided(
    vera: Caller, rule: GroupingRule
) -> None:
    GroupingRule.objects.create(
        workspace=rule.workspace, name="first", position=1, group_by=["region"]
    )
    about = make.incident()
    GroupingDecision.objects.create(
        alert=make.alert(about), incident=about, means="rule", rule=rule, reason="r"
    )
    first, second = vera.get("/grouping-rules").json()
    assert (first["name"], first["decided"]) == ("first", 0)
    assert (second["name"], second["decided"], second["waiting"]) == ("hosts", 1, 0)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "hosts"}, "name"),
        ({"position": 0}, "position"),
        ({"match": "some"}, "match"),
        ({"matchers": [], "group_by": []}, "matchers"),
        ({"matchers": [{"label": "a", "op": "=~", "value": "["}]}, "matchers.0"),
        ({"group_by": [""]}, "group_by.0"),
        ({"group_by": ["a", "b", "c", "d", "e", "f"]}, "group_by"),
        ({"window_min": 10_081}, "window_min"),
        ({"threshold": 0}, "threshold"),
    ],
)
def test_what_cannot_be_kept_is_told_beside_its_field(
    ada: Caller, rule: GroupingRule, given: dict[str, Any], field: str
) -> None:
    other = GroupingRule.objects.create(workspace=rule.workspace, name="b", group_by=["b"])
    for answer in (
        ada.post("/grouping-rules", {**RULE, **given}),
        ada.put(f"/grouping-rules/{other.pk}", {**RULE, **given}),
    ):
        said = assert_problem(answer, 422, field.partition(".")[0])
        assert [error["field"] for error in said["errors"]] == [field]
        assert said["errors"][0]["message"]
    assert list(GroupingRule.objects.order_by("name").values_list("name", flat=True)) == [
        "b",
        "hosts",
    ]


def test_a_trial_is_asked_for_and_its_result_read(
    remi: Caller, workspace: Workspace, hands: clock.Hands
) -> None:
    sender = Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")
    for service in ("payments", "search"):
        Told(sender, service, service, {"region": "eu-1"}).says("firing")
        hands.advance(minutes=2)
    answer = remi.post("/rule-trials", {"draft": RULE, "days": 1})
    assert answer.status_code == 202
    said = answer.json()
    assert (said["state"], said["result"], said["requested_by"]) == ("queued", None, "remi")
    assert (said["draft"]["name"], said["draft"]["matchers"]) == ("regions", [EU])
    rule_trial.run(trial_id=said["id"])
    said = remi.get(f"/rule-trials/{said['id']}").json()
    assert (said["state"], said["error"]) == ("done", "")
    result = said["result"]
    assert (result["alerts"], result["incidents_before"], result["incidents_after"]) == (2, 2, 1)
    assert result["examples"][0]["reason_after"]
    assert [each["id"] for each in remi.get("/rule-trials").json()] == [said["id"]]
    assert_problem(remi.post(f"/rule-trials/{said['id']}/cancel"), 409)


def test_a_trial_is_of_a_rule_and_can_be_cancelled(remi: Caller, rule: GroupingRule) -> None:
    said = remi.post("/rule-trials", {"draft": RULE, "days": 7, "rule": str(rule.pk)}).json()
    assert said["rule"] == str(rule.pk)
    assert remi.post(f"/rule-trials/{said['id']}/cancel").json()["state"] == "cancelled"


def test_too_many_trials_at_once_are_refused(remi: Caller, workspace: Workspace) -> None:
    wanted = {"name": "r", "group_by": ["region"]}
    for _ in range(rule_trial.MAX_LIVE):
        RuleTrial.objects.create(workspace=workspace, days=1, draft=wanted)
    assert_problem(remi.post("/rule-trials", {"draft": RULE}), 409, "wait for one to end")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "draft"),
        ({"draft": {**RULE, "name": ""}}, "draft.name"),
        ({"draft": RULE, "days": 2}, "days"),
        ({"draft": RULE, "rule": "hosts"}, "rule"),
    ],
)
def test_a_trial_that_cannot_be_begun_names_the_field(
    remi: Caller, given: dict[str, Any], field: str
) -> None:
    said = assert_problem(remi.post("/rule-trials", given), 422, field)
    assert [error["field"] for error in said["errors"]] == [field]
    assert not RuleTrial.objects.exists()


def test_who_may_try_a_rule_may_not_keep_it(vera: Caller, remi: Caller, rule: GroupingRule) -> None:
    for caller in (vera, remi):
        for answer in (
            caller.post("/grouping-rules", RULE),
            caller.put(f"/grouping-rules/{rule.pk}", RULE),
            caller.post(f"/grouping-rules/{rule.pk}/switch", {"is_on": True}),
        ):
            assert assert_problem(answer, 403, "needs the role")["roles"] == ["admin"]
    made = remi.post("/rule-trials", {"draft": RULE}).json()
    assert_problem(vera.post("/rule-trials", {"draft": RULE}), 403, "responder")
    assert_problem(vera.post(f"/rule-trials/{made['id']}/cancel"), 403, "responder")
    assert vera.get(f"/rule-trials/{made['id']}").json()["state"] == "queued"
    rule.refresh_from_db()
    assert (rule.name, rule.is_active, GroupingRule.objects.count()) == ("hosts", False, 1)


def test_rules_of_another_workspace_are_not_there(stranger: Caller, rule: GroupingRule) -> None:
    trial = RuleTrial.objects.create(
        workspace=rule.workspace, days=1, draft={"name": "r", "group_by": ["region"]}
    )
    assert stranger.get("/grouping-rules").json() == stranger.get("/rule-trials").json() == []
    for answer in (
        stranger.get(f"/grouping-rules/{rule.pk}"),
        stranger.put(f"/grouping-rules/{rule.pk}", RULE),
        stranger.post(f"/grouping-rules/{rule.pk}/switch", {"is_on": True}),
        stranger.get(f"/rule-trials/{trial.pk}"),
        stranger.post(f"/rule-trials/{trial.pk}/cancel"),
        stranger.post("/rule-trials", {"draft": RULE, "rule": str(rule.pk)}),
    ):
        assert_problem(answer, 404)


def test_what_was_edited_by_hand_and_cannot_be_read_is_still_listed(
    vera: Caller, rule: GroupingRule
) -> None:
    GroupingRule.objects.filter(pk=rule.pk).update(matchers=[{"label": "", "op": "?"}])
    assert vera.get(f"/grouping-rules/{rule.pk}").json()["matchers"] == []


def test_many_rules_cost_no_query_more(vera: Caller, rule: GroupingRule) -> None:
    draft = {"name": "r", "group_by": ["region"]}
    RuleTrial.objects.create(workspace=rule.workspace, days=1, draft=draft)
    paths = ["/grouping-rules", f"/grouping-rules/{rule.pk}", "/rule-trials"]
    with_one = [vera.queries_of(path) for path in paths]
    for number in range(MANY):
        GroupingRule.objects.create(workspace=rule.workspace, name=f"r{number}", group_by=["a"])
        RuleTrial.objects.create(workspace=rule.workspace, days=1, draft=draft, rule=rule)
    assert [vera.queries_of(path) for path in paths] == with_one
    assert max(with_one) <= BUDGET
