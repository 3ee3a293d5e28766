"""What the vendors' deliveries do to the record, one after another: begun, ended, begun again."""

import pytest
from django.db import transaction

from airra.lib import clock
from incidents.commands import alert as alerts
from incidents.commands.turn import take_turn
from incidents.ingest.reading import read
from incidents.lifecycle import AlertStatus, Severity, State
from incidents.models import Alert, Incident, Integration, Workspace
from tests.fakes.payloads import cloudwatch, datadog, grafana, pagerduty, sentry
from tests.fakes.payloads.sent import Sent
from tests.unit.incidents.formats.vendors import VENDORS, Vendor

pytestmark = pytest.mark.django_db
Status = AlertStatus


class Teller:
    def __init__(self, kind: str, workspace: Workspace, hands: clock.Hands) -> None:
        self.kind, self._hands = kind, hands
        self.integration = Integration.objects.create(workspace=workspace, name=kind, kind=kind)

    def tell(self, *deliveries: Sent, minutes: float = 1) -> None:
        for sent in deliveries:
            for new in read(self.kind, sent.message(clock.now()), mapping={}).alerts:
                with transaction.atomic(), take_turn(self.integration.workspace) as turn:
                    alerts.tell(new, integration=self.integration, turn=turn)
            self._hands.advance(minutes=minutes)

    @property
    def statuses(self) -> list[str]:
        found = Alert.objects.filter(integration=self.integration)
        return list(found.order_by("received_at", "pk").values_list("status", flat=True))


def states() -> list[str]:
    return list(Incident.objects.order_by("opened_at", "pk").values_list("state", flat=True))


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.kind)
def test_beginning_and_end_open_and_resolve_one_incident(
    vendor: Vendor, workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller(vendor.kind, workspace, hands)
    teller.tell(vendor.firing, vendor.firing)
    assert (teller.statuses, states()) == ([Status.FIRING], [State.OPEN])
    teller.tell(vendor.resolved, vendor.resolved)
    assert (teller.statuses, states()) == ([Status.RESOLVED], [State.RESOLVED])


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.kind)
def test_what_is_neither_firing_nor_over_ends_nothing_and_lowers_nothing(
    vendor: Vendor, workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller(vendor.kind, workspace, hands)
    teller.tell(vendor.firing)
    before = Alert.objects.get().severity
    between = [s for s in (vendor.acknowledged, vendor.suppressed) if s is not None]
    for sent in between:
        teller.tell(sent)
        assert Alert.objects.get().severity == before
        assert Incident.objects.get().severity == before
    teller.tell(vendor.resolved)
    assert teller.statuses == [Status.RESOLVED]


def test_an_acknowledgement_without_a_payload_says_nothing_about_severity(
    workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller("pagerduty_events", workspace, hands)
    teller.tell(pagerduty.event(severity="info"), pagerduty.follow_up("acknowledge"))
    assert Alert.objects.get().severity == Severity.INFO
    assert Incident.objects.get().severity == Severity.INFO


def test_a_reopened_incident_of_pagerduty_is_a_second_episode_that_ends_too(
    workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller("pagerduty", workspace, hands)
    teller.tell(
        pagerduty.webhook("incident.triggered"),
        pagerduty.webhook("incident.acknowledged", "2026-03-01T11:55:00Z", status="acknowledged"),
        pagerduty.webhook("incident.resolved", pagerduty.RESOLVED, status="resolved"),
    )
    assert teller.statuses == [Status.RESOLVED]
    teller.tell(pagerduty.webhook("incident.reopened", "2026-03-01T12:30:00Z"))
    assert teller.statuses == [Status.RESOLVED, Status.FIRING]
    again = pagerduty.webhook(
        "incident.acknowledged", "2026-03-01T12:31:00Z", status="acknowledged"
    )
    teller.tell(again)
    assert teller.statuses == [Status.RESOLVED, Status.ACKNOWLEDGED]
    end = pagerduty.webhook("incident.resolved", "2026-03-01T12:40:00Z", status="resolved")
    teller.tell(end)
    assert teller.statuses == [Status.RESOLVED, Status.RESOLVED]
    assert State.OPEN not in states()


def test_an_issue_of_sentry_that_regresses_is_a_second_episode_that_ends_too(
    workspace: Workspace, hands: clock.Hands
) -> None:
    """Its `firstSeen` is that of the first episode, and its `lastSeen` lies before the second."""
    teller = Teller("sentry", workspace, hands)
    teller.tell(sentry.event_alert(), sentry.issue(), sentry.issue("resolved"))
    assert teller.statuses == [Status.RESOLVED]
    later = sentry.SENT_AT + 1800
    teller.tell(sentry.issue("unresolved", substatus="regressed", sent_at=later))
    assert teller.statuses == [Status.RESOLVED, Status.FIRING]
    teller.tell(sentry.issue("resolved", sent_at=later + 600))
    assert teller.statuses == [Status.RESOLVED, Status.RESOLVED]
    assert State.OPEN not in states()


def test_no_data_between_two_alarms_is_the_same_episode(
    workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller("eventbridge", workspace, hands)
    teller.tell(
        cloudwatch.event(),
        cloudwatch.event_state("INSUFFICIENT_DATA", "2026-03-01T11:55:00.000+0000"),
    )
    assert (teller.statuses, states()) == ([Status.NO_DATA], [State.OPEN])
    teller.tell(cloudwatch.event_state("ALARM", "2026-03-01T11:56:00.000+0000"))
    assert teller.statuses == [Status.FIRING]
    teller.tell(cloudwatch.event_state("OK", cloudwatch.ENDED))
    assert (teller.statuses, states()) == ([Status.RESOLVED], [State.RESOLVED])


def test_a_warning_that_becomes_an_alert_is_one_episode_and_grows_more_severe(
    workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller("datadog", workspace, hands)
    warned = {"alert_transition": "Warn", "alert_type": "warning", "alert_priority": ""}
    teller.tell(datadog.firing(**warned), datadog.firing(id="2", date="1772365860000"))
    assert (teller.statuses, states()) == ([Status.FIRING], [State.OPEN])
    assert Incident.objects.get().severity == Severity.HIGH
    teller.tell(datadog.resolved("Warn Recovered"))
    assert (teller.statuses, states()) == ([Status.RESOLVED], [State.RESOLVED])


def test_the_payload_of_old_grafana_may_come_again_after_its_end(
    workspace: Workspace, hands: clock.Hands
) -> None:
    teller = Teller("grafana", workspace, hands)
    firing, over = grafana.legacy(), grafana.legacy(state="ok")
    teller.tell(firing, over, firing, over, minutes=20)
    assert teller.statuses == [Status.RESOLVED, Status.RESOLVED]
    assert State.OPEN not in states()
