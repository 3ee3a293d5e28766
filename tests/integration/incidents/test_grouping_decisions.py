"""What becomes of alerts that come in: where each goes, and that the reason is kept."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.commands.placing import place
from incidents.commands.turn import Turn
from incidents.ingest.alerts import NewAlert
from incidents.ingest.grouping.types import Means
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import (
    Alert,
    GroupingDecision,
    GroupingRule,
    Incident,
    Integration,
    TimelineEvent,
    Workspace,
)
from tests.factories import incidents as make
from tests.integration.incidents.conftest import Sender, batch, fired
from tests.integration.incidents.telling import Told

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(workspace: Workspace, hands: clock.Hands) -> Any:
    sender = Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")
    return lambda key, service="payments", **labels: Told(sender, key, service, labels)


def rule(workspace: Workspace, **changed: Any) -> GroupingRule:
    fields = {
        "name": "one region",
        "matchers": [{"label": "region", "op": "=", "value": "eu"}],
        "group_by": ["region"],
        "window_min": 10,
        "is_active": True,
    }
    return GroupingRule.objects.create(workspace=workspace, **fields | changed)


def decision_on(key: str) -> GroupingDecision:
    return GroupingDecision.objects.filter(alert__dedup_key=key).latest("pk")


def test_a_caller_joins_the_incident_of_what_it_calls(told: Any, hands: clock.Hands) -> None:
    make.shop()
    first = told("A", "payments").says("firing")
    hands.advance(seconds=90)
    assert told("B", "checkout").says("firing") == first
    decided = decision_on("B")
    assert decided.means == Means.SIMILARITY
    assert decided.reason.startswith("checkout calls payments, where INC-1 is, 2 min apart")
    assert decided.score is not None
    assert decided.threshold is not None
    assert decided.score >= decided.threshold
    assert decided.facts["way"] == "calls"


def test_two_branches_of_one_gateway_stay_apart(told: Any) -> None:
    make.shop()
    told("A", "checkout").says("firing")
    told("B", "search").says("firing")
    assert Incident.objects.count() == 2
    assert decision_on("B").means == Means.ALONE


def test_a_rule_puts_far_services_together(told: Any, workspace: Workspace) -> None:
    made = rule(workspace)
    told("A", "payments", region="eu").says("firing")
    told("B", "search", region="eu").says("firing")
    told("C", "fax", region="us").says("firing")
    numbers = Alert.objects.order_by("dedup_key").values_list("incident__number", flat=True)
    assert list(numbers) == [1, 1, 2]
    assert decision_on("B").rule == made


@pytest.mark.parametrize(("window_min", "apart_min"), [(10, 8), (120, 90)])
def test_the_newest_alert_keeps_a_rules_incident_fresh_wherever_it_was(
    told: Any, workspace: Workspace, hands: clock.Hands, window_min: int, apart_min: int
) -> None:
    """Far from the alert in topology, and longer ago than likeness looks back."""
    rule(workspace, window_min=window_min)
    first = told("A", "payments", region="eu").says("firing")
    hands.advance(minutes=apart_min)
    assert told("B", "search", region="eu").says("firing") == first
    hands.advance(minutes=apart_min)
    assert told("C", "billing", region="eu").says("firing") == first
    hands.advance(minutes=window_min + 1)
    assert told("D", "payments", region="eu").says("firing") != first


def test_a_rule_that_is_off_says_nothing(told: Any, workspace: Workspace) -> None:
    rule(workspace, is_active=False)
    told("A", "payments", region="eu").says("firing")
    assert decision_on("A").means == Means.ALONE


def test_what_is_held_is_visible_and_joins_with_the_one_that_is_enough(
    told: Any, workspace: Workspace
) -> None:
    rule(workspace, threshold=3)
    for key in "AB":
        assert told(key, region="eu").says("firing") is None
    assert not Incident.objects.exists()
    assert decision_on("A").means == Means.HELD
    assert "1 of 3 alerts within 10 min, so it waits" in decision_on("A").reason
    incident = told("C", region="eu").says("firing")
    assert incident is not None
    assert set(Alert.objects.values_list("incident", flat=True)) == {incident.pk}
    assert decision_on("A").means == Means.RULE
    let_in = incident.events.filter(kind=TimelineEvent.Kind.ALERT, text__startswith="let in")
    assert let_in.count() == 2


def test_what_cleared_while_it_was_held_no_longer_counts(told: Any, workspace: Workspace) -> None:
    rule(workspace, threshold=2)
    first = told("A", region="eu")
    first.says("firing")
    first.says("resolved")
    assert told("B", region="eu").says("firing") is None


def test_an_incident_that_a_detector_opened_is_joined_too(told: Any) -> None:
    about = make.incident(about=make.service("payments"), age_s=60)
    assert told("A", "payments").says("firing") == about


def test_an_alert_of_a_merged_incident_goes_to_the_other(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A"), fired("B", labels={"service": "search"})))
    kept, other = Incident.objects.order_by("number")
    Incident.objects.filter(pk=other.pk).update(state="merged", merged_into=kept)
    again = fired("B", labels={"service": "search"})
    Alert.objects.filter(dedup_key="B").update(status="resolved", ends_at=clock.now())
    alertmanager.post(batch(again | {"startsAt": "2026-03-02T02:59:50Z"}))
    newest = Alert.objects.filter(dedup_key="B").latest("starts_at")
    assert newest.incident == kept


def test_the_queries_of_a_decision_do_not_grow_with_what_is_open(
    told: Any, workspace: Workspace
) -> None:
    make.shop()
    sender = Integration.objects.get(name="prom")

    def queries() -> int:
        new = NewAlert(
            dedup_key="new", title="HighLatency", severity=Severity.LOW, severity_word="low",
            is_severity_mapped=True, status=AlertStatus.FIRING, starts_at=clock.now(),
            ends_at=None, service="checkout",
        )  # fmt: skip
        with CaptureQueriesContext(connection) as seen:
            place(new, integration=sender, service=make.service("checkout"), turn=Turn(workspace))
        return len(seen.captured_queries)

    first = make.incident(about=make.service("payments"), age_s=30)
    make.alert(first)
    queries()
    with_one = queries()
    for _ in range(60):
        another = make.incident(about=make.service("payments"), age_s=30)
        make.alert(another)
    assert queries() == with_one
