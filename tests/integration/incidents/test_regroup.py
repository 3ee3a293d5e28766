"""People move alerts, split them off, merge incidents and take that back; and AIRRA learns."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import incident as incidents
from incidents.commands.merging import NotMerged, unmerge
from incidents.commands.regroup import CannotMove, move, split
from incidents.ingest.grouping.types import Means
from incidents.lifecycle import Severity, State
from incidents.models import Alert, AuditEvent, GroupingDecision, Incident, Integration, Workspace
from incidents.permissions import NotPermitted, Role
from tests.factories import incidents as make
from tests.integration.incidents.telling import Told

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(workspace: Workspace, hands: clock.Hands) -> Any:
    sender = Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")
    return lambda key, service="payments", **labels: Told(sender, key, service, labels)


def story(incident: Incident) -> str:
    return "\n".join(incident.events.values_list("text", flat=True))


def opened(one: Told, **words: Any) -> Incident:
    found = one.says("firing", **words)
    assert found is not None
    return found


def test_a_move_is_a_decision_with_both_stories_and_an_audit_row(
    told: Any, responder: User
) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    left, there = opened(a), opened(c)
    assert opened(b) == left
    decision = move(alert=b.alert(), to=there, by=responder, reason="it is the index")
    assert (decision.means, decision.moved_from, decision.incident) == (Means.PERSON, left, there)
    assert b.alert().incident == there
    assert "moved “B on payments” out to INC-2: it is the index" in story(left)
    assert "moved “B on payments” here from INC-1: it is the index" in story(there)
    row = AuditEvent.objects.get(kind="alert.moved")
    assert (row.before, row.after) == ({"incident": "INC-1"}, {"incident": "INC-2"})


def test_the_same_alert_follows_the_person_from_then_on(
    told: Any, responder: User, hands: clock.Hands
) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    opened(a)
    opened(b)
    there = opened(c)
    move(alert=b.alert(), to=there, by=responder)
    hands.advance(minutes=2)
    b.says("resolved")
    hands.advance(minutes=2)
    assert opened(b) == there
    newest = GroupingDecision.objects.latest("pk")
    assert newest.means == Means.KEY
    assert "where a person put it" in newest.reason


def test_kinds_that_were_parted_are_kept_apart_and_those_put_together_join(
    told: Any, responder: User, hands: clock.Hands
) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    opened(a)
    opened(b)
    there = opened(c)
    move(alert=b.alert(), to=there, by=responder)
    for one in (a, b, c):
        one.says("resolved")
    hands.advance(minutes=60)
    assert not Incident.objects.live().exists()
    here = opened(a)
    new_b = told("B again")
    assert opened(new_b, title="B on payments") != here
    decided = GroupingDecision.objects.latest("pk")
    assert decided.means == Means.ALONE
    assert "keeps it apart from INC-3" in decided.reason
    found = opened(c)
    decided = GroupingDecision.objects.latest("pk")
    assert decided.means == Means.PERSON
    assert found == new_b.alert().incident


def test_severity_of_both_follows(told: Any, responder: User) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    left = opened(a)
    opened(b, severity=Severity.CRITICAL)
    there = opened(c)
    left.refresh_from_db()
    assert left.severity == Severity.CRITICAL
    move(alert=b.alert(), to=there, by=responder)
    left.refresh_from_db()
    there.refresh_from_db()
    assert (left.severity, there.severity) == (Severity.MEDIUM, Severity.CRITICAL)
    assert "lowered severity from critical to medium" in story(left)


def test_the_one_it_left_ends_when_nothing_of_it_is_left(told: Any, responder: User) -> None:
    a, c = told("A"), told("C", "search")
    left, there = opened(a), opened(c)
    move(alert=a.alert(), to=there, by=responder)
    left.refresh_from_db()
    assert (left.state, left.resolution) == (State.RESOLVED, "its last alert was moved to INC-2")


def test_the_one_it_left_ends_when_the_rest_is_over(told: Any, responder: User) -> None:
    a, b, c = told("A"), told("B"), told("C", "search")
    left = opened(a)
    opened(b)
    there = opened(c)
    a.says("resolved")
    move(alert=b.alert(), to=there, by=responder)
    left.refresh_from_db()
    assert left.state == State.RESOLVED


def test_a_split_opens_an_incident_of_its_own(told: Any, responder: User) -> None:
    a, b = told("A"), told("B")
    left = opened(a)
    opened(b)
    made = split(alert=b.alert(), by=responder, reason="another disk")
    assert made.grouping_reason == "split off INC-1: another disk"
    assert b.alert().incident == made
    assert a.alert().incident == left
    with pytest.raises(CannotMove, match="the only alert"):
        split(alert=b.alert(), by=responder)


def test_refusals(told: Any, responder: User, workspace: Workspace) -> None:
    a = told("A")
    here = opened(a)
    over = make.incident(state=State.RESOLVED)
    elsewhere = make.incident(place=make.workspace("elsewhere"))
    for to in (here, over, elsewhere):
        with pytest.raises(CannotMove):
            move(alert=a.alert(), to=to, by=responder)
    with pytest.raises(NotPermitted):
        move(alert=a.alert(), to=here, by=make.person(Role.VIEWER))
    assert not GroupingDecision.objects.filter(means=Means.PERSON).exists()


def test_the_second_of_two_people_is_told(told: Any, responder: User) -> None:
    a, b = told("A"), told("B")
    opened(a)
    opened(b)
    there, other = make.incident(), make.incident()
    mine, theirs = b.alert(), b.alert()
    move(alert=theirs, to=other, by=responder)
    with pytest.raises(Conflict):
        move(alert=mine, to=there, by=responder)
    assert b.alert().incident == other


def test_unmerge_restores_the_incident_and_its_alerts(told: Any, responder: User) -> None:
    a, c = told("A"), told("C", "search")
    into, merged = opened(a), opened(c)
    incidents.merge(incident=merged, into=into, by=responder)
    a.says("resolved")
    into.refresh_from_db()
    assert into.is_live, "the alert of the other one still fires"
    unmerge(incident=merged, by=responder, reason="the index is another matter")
    merged.refresh_from_db()
    into.refresh_from_db()
    assert (merged.state, merged.merged_into) == (State.OPEN, None)
    assert into.state == State.RESOLVED, "what is left of it was over already"
    assert c.alert().incident == merged
    assert "took it out of INC-1 again, as open: the index is another matter" in story(merged)
    assert "let INC-2 C on search go again" in story(into)
    assert AuditEvent.objects.filter(kind="incident.unmerged").count() == 1


def test_severity_follows_a_merge_and_its_undoing(told: Any, responder: User) -> None:
    a, c = told("A"), told("C", "search")
    into, merged = opened(a, severity=Severity.LOW), opened(c, severity=Severity.HIGH)
    incidents.merge(incident=merged, into=into, by=responder)
    into.refresh_from_db()
    assert into.severity == Severity.HIGH, "or an alert that is high fires in what looks harmless"
    assert "INC-2 is part of it now" in story(into)
    c.says("firing", severity=Severity.CRITICAL)
    unmerge(incident=merged, by=responder, reason="no")
    into.refresh_from_db()
    merged.refresh_from_db()
    assert (into.severity, merged.severity) == (Severity.LOW, Severity.CRITICAL)
    assert "INC-2 is elsewhere now" in story(into)


def test_unmerge_keeps_who_had_taken_it_on(told: Any, responder: User) -> None:
    into, merged = opened(told("A")), opened(told("C", "search"))
    incidents.acknowledge(incident=merged, by=responder)
    incidents.merge(incident=merged, into=into, by=responder)
    assert unmerge(incident=merged, by=responder, reason="no").state == State.ACKNOWLEDGED


def test_what_is_not_merged_cannot_be_unmerged(told: Any, responder: User) -> None:
    into, merged = opened(told("A")), opened(told("C", "search"))
    with pytest.raises(NotMerged):
        unmerge(incident=into, by=responder, reason="no")
    incidents.merge(incident=merged, into=into, by=responder)
    with pytest.raises(NotPermitted):
        unmerge(incident=merged, by=make.person(Role.VIEWER), reason="no")
    make.incident(grouping_key=merged.grouping_key)
    with pytest.raises(NotMerged, match="open for the same thing"):
        unmerge(incident=merged, by=responder, reason="no")


def test_alerts_of_a_merged_incident_can_be_moved_on(told: Any, responder: User) -> None:
    a, c, d = told("A"), told("C", "search"), told("D", "fax")
    into, merged, third = opened(a), opened(c), opened(d)
    incidents.merge(incident=merged, into=into, by=responder)
    with pytest.raises(CannotMove):
        move(alert=c.alert(), to=into, by=responder)
    decision = move(alert=c.alert(), to=third, by=responder)
    assert decision.moved_from == into
    assert Alert.objects.get(dedup_key="C").incident == third
