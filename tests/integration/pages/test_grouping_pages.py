"""Grouping as pages: rules with their trial on history, moving, merging, and what is related."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from incidents.commands import rule_trial
from incidents.commands.grouping import NotARule, Wanted, create, switch
from incidents.ingest.grouping.types import Means
from incidents.ingest.matching import read_lines
from incidents.lifecycle import State
from incidents.models import (
    Alert,
    AuditEvent,
    GroupingDecision,
    GroupingRule,
    Incident,
    Integration,
    RuleTrial,
    TimelineEvent,
    Workspace,
)
from incidents.permissions import NotPermitted, Role
from incidents.queries.related import related
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

Count = Callable[[str], int]
FORM: dict[str, Any] = {
    "name": "one region",
    "match": "all",
    "matchers": "region = eu",
    "group_by": "region",
    "window_min": 10,
    "threshold": 1,
    "position": 100,
    "days": 7,
}


@pytest.fixture
def as_admin() -> Client:
    return client_of(make.person(Role.ADMIN))


@pytest.fixture
def form(workspace: Workspace) -> dict[str, Any]:
    return FORM | {"workspace": workspace.pk}


def stored(workspace: Workspace, service: str, *, min_ago: float, **labels: str) -> Alert:
    """An alert of the past, in no incident."""
    sender, _ = Integration.objects.get_or_create(
        workspace=workspace, name="prom", defaults={"kind": "alertmanager"}
    )
    return Alert.objects.create(
        workspace=workspace,
        integration=sender,
        dedup_key=f"{service} {min_ago}",
        title=f"trouble of {service}",
        severity="high",
        status=Alert.Status.FIRING,
        service=make.service(service),
        labels=labels,
        starts_at=clock.now() - timedelta(minutes=min_ago),
    )


def wanted(**changed: Any) -> Wanted:
    fields: dict[str, Any] = {
        "name": "one region",
        "position": 100,
        "match": "all",
        "matchers": read_lines("region = eu"),
        "group_by": ("region",),
        "window_min": 10,
        "threshold": 1,
    }
    return Wanted(**fields | changed)


def test_a_rule_is_kept_off_and_switched_on(
    as_admin: Client, form: dict[str, Any], workspace: Workspace
) -> None:
    assert as_admin.post("/grouping/new/", form).status_code == 302
    rule = GroupingRule.objects.get()
    assert not rule.is_active
    assert rule.matchers == [{"label": "region", "op": "=", "value": "eu"}]
    as_admin.post(f"/grouping/{rule.pk}/", form | {"threshold": 3})
    as_admin.post(f"/grouping/{rule.pk}/switch/", {"is_on": "yes"})
    rule.refresh_from_db()
    assert (rule.is_active, rule.threshold) == (True, 3)
    kinds = AuditEvent.objects.filter(kind__startswith="grouping_rule.").order_by("pk")
    assert [event.kind.partition(".")[2] for event in kinds] == ["created", "changed", "switched"]
    assert kinds[1].before["threshold"] == 1
    page = as_admin.get("/grouping/").content.decode()
    assert "one region" in page
    assert "region = eu" in page


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"matchers": "region ~ eu"}, "holds none of"),
        ({"matchers": "", "group_by": ""}, "Say which alerts it is about"),
        ({"group_by": "a,b,c,d,e,f"}, "At most 5 labels"),
        ({"window_min": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    as_admin: Client, form: dict[str, Any], changed: dict[str, Any], says: str
) -> None:
    answer = as_admin.post("/grouping/new/", form | changed)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert not GroupingRule.objects.exists()


def test_two_rules_of_one_name_and_who_may_write(workspace: Workspace, responder: User) -> None:
    admin = make.person(Role.ADMIN)
    rule = create(workspace=workspace, wanted=wanted(), by=admin)
    with pytest.raises(NotARule, match="already"):
        create(workspace=workspace, wanted=wanted(), by=admin)
    with pytest.raises(NotPermitted):
        create(workspace=workspace, wanted=wanted(name="x"), by=responder)
    with pytest.raises(NotPermitted):
        switch(rule=rule, is_on=True, by=responder)


def written() -> list[int]:
    return [model.objects.count() for model in (Incident, GroupingDecision, AuditEvent)]


def test_a_rule_is_tried_on_history_and_nothing_else_is_written(
    as_responder: Client, form: dict[str, Any], workspace: Workspace
) -> None:
    for minutes, service in enumerate(("payments", "search", "fax", "mail")):
        stored(workspace, service, min_ago=60 - minutes, region="eu")
    stored(workspace, "printer", min_ago=55, region="us")
    before = written()
    where = as_responder.post("/grouping/new/", form | {"try": "1"}).headers["Location"]
    assert "Waiting for a worker" in as_responder.get(where).content.decode()
    trial = RuleTrial.objects.get()
    rule_trial.run(trial_id=str(trial.pk))
    answer = as_responder.get(where)
    page = answer.content.decode()
    result = answer.context["result"]
    assert (result.comparison.incidents_before, result.comparison.incidents_after) == (5, 2)
    assert result.comparison.moved == 3
    assert "in 3 incidents fewer" in page
    assert "rule “one region”, same region eu" in page
    assert answer.context["form"].initial["group_by"] == "region"
    assert "5 incidents as it is, 2 with it" in as_responder.get("/grouping/").content.decode()
    assert written() == before
    assert not GroupingRule.objects.exists()


def test_a_trial_of_a_kept_rule_stands_on_its_page_and_can_be_kept_from_it(
    as_admin: Client, form: dict[str, Any], workspace: Workspace
) -> None:
    rule = create(workspace=workspace, wanted=wanted(), by=make.person(Role.ADMIN))
    stored(workspace, "payments", min_ago=30, region="eu")
    tried = as_admin.post(f"/grouping/{rule.pk}/", form | {"try": "1", "threshold": 4})
    rule_trial.run(trial_id=str(RuleTrial.objects.get().pk))
    page = as_admin.get(tried.headers["Location"]).content.decode()
    assert f'action="/grouping/{rule.pk}/"' in page
    assert 'name="threshold" value="4"' in page
    assert (
        "1 incident as it is, 0 with it" in as_admin.get(f"/grouping/{rule.pk}/").content.decode()
    )


def test_the_progress_of_a_trial_is_polled_and_ends(
    as_responder: Client, form: dict[str, Any], workspace: Workspace
) -> None:
    as_responder.post("/grouping/new/", form | {"try": "1"})
    trial = RuleTrial.objects.get()
    path = f"/grouping/trials/{trial.pk}/live/"
    first = as_responder.get(path)
    assert "data-live" in first.content.decode()
    tag = first.headers["HX-PTag"]
    assert as_responder.get(path, headers={"HX-PTag": tag}).status_code == 304
    RuleTrial.objects.update(
        state="running", total=400, done=100, started_at=clock.now() - timedelta(seconds=20)
    )
    text = as_responder.get(path, headers={"HX-PTag": tag}).content.decode()
    assert 'max="400"' in text
    assert 'value="100"' in text
    assert "About 1 m left" in text
    RuleTrial.objects.update(state="queued", created_at=clock.now() - timedelta(minutes=2))
    RuleTrial.objects.update(total=0)
    assert "no worker runs, or all are busy" in as_responder.get(path).content.decode()
    RuleTrial.objects.update(state="failed", error="it did not end within 15 minutes")
    text = as_responder.get(path).content.decode()
    assert "It ended without a result: it did not end within 15 minutes." in text
    assert "data-live" not in text


def test_a_trial_is_cancelled_by_a_form(
    as_responder: Client, as_viewer: Client, form: dict[str, Any], workspace: Workspace
) -> None:
    where = as_responder.post("/grouping/new/", form | {"try": "1"}).headers["Location"]
    assert "Cancel the trial" not in as_viewer.get(where).content.decode()
    assert as_viewer.post(f"{where}cancel/").status_code == 403
    assert as_responder.post(f"{where}cancel/").status_code == 302
    assert "nothing came of it" in as_responder.get(where).content.decode()
    assert as_responder.post(f"{where}cancel/").status_code == 409


def test_who_may_not_try_sees_what_is_tried(as_viewer: Client, workspace: Workspace) -> None:
    lines = read_lines("region = eu\nhost =~ db-.*")
    draft = wanted(match="any", matchers=lines).fields()
    trial = RuleTrial.objects.create(workspace=workspace, draft=draft, days=7, state="running")
    page = as_viewer.get(f"/grouping/trials/{trial.pk}/").content.decode()
    assert "The rule that is tried" in page
    assert "<code>host =~ db-.*</code>" in page
    assert "Any of them" in page


def test_trials_cost_their_pages_no_query_more(
    queries_of: Count, workspace: Workspace, responder: User
) -> None:
    def trials(number: int) -> None:
        for _ in range(number):
            RuleTrial.objects.create(
                workspace=workspace, draft=wanted().fields(), days=7, requested_by=responder
            )

    trials(1)
    path = f"/grouping/trials/{RuleTrial.objects.get().pk}/"
    with_one = queries_of("/grouping/"), queries_of(path)
    trials(30)
    assert (queries_of("/grouping/"), queries_of(path)) == with_one
    assert max(with_one) <= 13


def test_the_incident_page_says_why_each_alert_is_there(
    as_viewer: Client, as_responder: Client
) -> None:
    about = make.incident(about=make.service("payments"))
    alert = make.alert(about, title="disk full")
    GroupingDecision.objects.create(
        alert=alert, incident=about, means=Means.SIMILARITY, reason="checkout calls payments",
        score=0.71, threshold=0.35,
    )  # fmt: skip
    page = as_viewer.get(f"/incidents/{about.key}/").content.decode()
    assert "checkout calls payments" in page
    assert "score 0.71, needed 0.35" in page
    assert f"/alerts/{alert.pk}/move/" not in page
    for path in (f"/incidents/{about.key}/", f"/incidents/{about.key}/alerts/"):
        assert f"/alerts/{alert.pk}/move/" in as_responder.get(path).content.decode()


def test_an_alert_is_moved_and_split_by_a_form(as_responder: Client) -> None:
    left, there = make.incident(about=make.service("payments")), make.incident()
    alerts = [make.alert(left, title=f"alert {n}") for n in range(3)]
    for alert in alerts:
        Alert.objects.filter(pk=alert.pk).update(incident=left)
    page = as_responder.get(f"/alerts/{alerts[0].pk}/move/").content.decode()
    assert there.key in page
    assert f">{left.key}" not in page
    moved = as_responder.post(
        f"/alerts/{alerts[0].pk}/move/", {"to": str(there.pk), "reason": "elsewhere"}
    )
    assert moved.headers["Location"] == f"/incidents/{there.key}/"
    split = as_responder.post(f"/alerts/{alerts[1].pk}/move/", {"to": "", "reason": ""})
    assert split.status_code == 302
    alone = as_responder.post(f"/alerts/{alerts[1].pk}/move/", {"to": ""})
    assert alone.status_code == 422
    assert "only alert of" in alone.content.decode()


def test_incidents_are_merged_and_unmerged_by_forms(as_responder: Client) -> None:
    into, other = make.incident(), make.incident()
    page = as_responder.get(f"/incidents/{other.key}/").content.decode()
    assert f"/incidents/{other.key}/merge/" in page
    as_responder.post(f"/incidents/{other.key}/merge/", {"into": str(into.pk), "reason": "same"})
    other.refresh_from_db()
    assert other.state == State.MERGED
    page = as_responder.get(f"/incidents/{other.key}/").content.decode()
    assert f"/incidents/{other.key}/unmerge/" in page
    as_responder.post(f"/incidents/{other.key}/unmerge/", {"reason": "not the same"})
    other.refresh_from_db()
    assert (other.state, other.merged_into) == (State.OPEN, None)
    again = as_responder.post(f"/incidents/{other.key}/unmerge/", {"reason": "again"})
    assert again.status_code == 409


def test_related_past_incidents_say_why_and_how_they_ended(as_viewer: Client) -> None:
    payments = make.service("payments")
    now = make.incident(about=payments, title="disk of payments is full")
    make.alert(now)
    past = make.incident(
        about=make.service("search"), state=State.RESOLVED, age_s=9000, title="nothing of it",
        resolution="the index was rebuilt",
    )  # fmt: skip
    alike = make.incident(
        about=payments, state=State.CLOSED, age_s=9000, title="disk of payments is full again",
        resolution="old logs deleted",
    )  # fmt: skip
    same = make.incident(about=payments, state=State.RESOLVED, age_s=9000, title="unlike")
    Alert.objects.filter(pk=make.alert(same).pk).update(
        dedup_key=now.alerts.get().dedup_key, integration=now.alerts.get().integration,
        starts_at=clock.now() - timedelta(hours=3), ends_at=clock.now(), status="resolved",
    )  # fmt: skip
    found = related(now)
    assert [one.incident for one in found] == [same, alike]
    assert past not in {one.incident for one in found}
    assert found[0].reasons == ["it had the same alert", "it was about payments too"]
    assert found[1].reasons[0] == "it was about payments too"
    assert "alike" in found[1].reasons[1]
    page = as_viewer.get(f"/incidents/{now.key}/").content.decode()
    assert "old logs deleted" in page


def test_pages_ask_as_much_for_many_as_for_one(queries_of: Count, workspace: Workspace) -> None:
    about = make.incident(about=make.service("payments"))
    make.alert(about)
    GroupingRule.objects.create(workspace=workspace, name="0", group_by=["region"])
    paths = ("/grouping/", f"/incidents/{about.key}/alerts/")
    with_one = [queries_of(path) for path in paths]
    for number in range(1, 60):
        make.alert(about, title=f"alert {number}")
        GroupingRule.objects.create(workspace=workspace, name=str(number), group_by=["region"])
    assert [queries_of(path) for path in paths] == with_one
    assert max(with_one) <= 12


def test_a_split_is_told_on_the_timeline_of_the_new_one(as_responder: Client) -> None:
    left = make.incident(about=make.service("payments"))
    first, _ = make.alert(left, title="one"), make.alert(left, title="two")
    as_responder.post(f"/alerts/{first.pk}/move/", {"to": "", "reason": "another matter"})
    made = Incident.objects.latest("number")
    texts = made.events.filter(kind=TimelineEvent.Kind.ALERT).values_list("text", flat=True)
    assert list(texts) == [f"moved “one” here from {left.key}: another matter"]
