"""A source that cannot be read is itself reported, once, until it answers again."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airra.lib import clock
from analysis.commands import investigation, source_health
from analysis.models import Connector, Investigation
from incidents.lifecycle import Severity, State
from incidents.models import Incident
from incidents.permissions import Role
from tests.factories import analysis as seen
from tests.factories import incidents as make
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def hands() -> Any:
    with clock.frozen(NOON) as hands:
        yield hands


@pytest.fixture
def source(hands: clock.Hands) -> Connector:
    return seen.connector(name="metrics of the shop")


def fail(source: Connector, times: int, error: str = "connection refused") -> None:
    source.failures = times
    source.failing_since = NOON
    source.last_error = error
    source.save()


def answer(source: Connector) -> None:
    source.failures, source.failing_since = 0, None
    source.save()


@pytest.mark.parametrize(
    ("failures", "seconds", "is_reported"),
    [(2, 600, False), (3, 119, False), (3, 120, True), (50, 3600, True)],
)
def test_it_takes_three_failures_over_two_minutes(
    source: Connector, hands: clock.Hands, failures: int, seconds: float, is_reported: bool
) -> None:
    fail(source, failures)
    hands.advance(seconds=seconds)
    assert (source_health.report(source, clock.now()) is not None) == is_reported
    assert Incident.objects.exists() == is_reported


def test_it_is_one_incident_that_ends_with_the_first_good_answer(
    source: Connector, hands: clock.Hands
) -> None:
    fail(source, 5)
    hands.advance(minutes=3)
    first = source_health.report(source, clock.now())
    assert source_health.report(source, clock.now()) == first
    incident = Incident.objects.get()
    assert incident.title == "AIRRA cannot read metrics of the shop: connection refused"
    assert (incident.severity, incident.service) == (Severity.MEDIUM, None)
    assert "5 failures in a row over 3 m" in incident.grouping_reason
    answer(source)
    hands.advance(minutes=1)
    assert source_health.report(source, clock.now()) is None
    incident.refresh_from_db()
    assert incident.state == State.RESOLVED
    assert incident.resolution == "metrics of the shop answers again, after 4 m"
    assert source_health.report(source, clock.now()) is None


def test_dead_again_is_another_incident(source: Connector, hands: clock.Hands) -> None:
    fail(source, 5)
    hands.advance(minutes=3)
    source_health.report(source, clock.now())
    answer(source)
    source_health.report(source, clock.now())
    fail(source, 5)
    source_health.report(source, clock.now())
    assert Incident.objects.count() == 2


def test_there_is_nothing_to_investigate_and_nobody_is_troubled_with_it(
    source: Connector, hands: clock.Hands
) -> None:
    fail(source, 5)
    hands.advance(minutes=3)
    incident = source_health.report(source, clock.now())
    assert incident is not None
    investigation.run_for_incident(incident_id=str(incident.pk))
    hands.advance(minutes=1)
    investigation.sweep()
    assert not Investigation.objects.exists()
    with pytest.raises(investigation.CannotInvestigate, match="cannot read"):
        investigation.start(incident=incident, by=make.person(Role.RESPONDER))
    incident.refresh_from_db()
    assert incident.state == State.OPEN


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_workers_that_report_at_once_open_one(source: Connector, hands: clock.Hands) -> None:
    fail(source, 5)
    hands.advance(minutes=3)
    at_once(6, lambda: source_health.report(source, clock.now()))
    assert Incident.objects.count() == 1


def test_patience_is_as_documented() -> None:
    assert (3, timedelta(minutes=2)) == (source_health.FAILURES, source_health.SILENCE)
