"""Which anomalies open an incident, which only join, which neither; and what that costs."""

from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.commands import correlation
from analysis.commands import forecast as forecasts
from analysis.models import Anomaly, Connector, Detector, SeriesTuning
from analysis.types import Breach, Trouble
from incidents.lifecycle import Severity, State
from incidents.models import Incident, TimelineEvent
from tests.factories import analysis as seen
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
Signal = Detector.Signal


@pytest.fixture
def hands() -> Any:
    with clock.frozen(NOON) as hands:
        make.shop()
        yield hands


@pytest.fixture
def errors(hands: clock.Hands) -> Detector:
    return seen.detector("Errors", signal=Signal.ERRORS, unit="ratio", floor=0.05)


def row(of: Detector, service: str = "payments", *, at: float = 0.0, **fields: Any) -> Anomaly:
    """An open anomaly without an incident, that began so many seconds after noon."""
    values = {
        "series_key": f"service={service}",
        "labels": {"service": service},
        "started_at": NOON + timedelta(seconds=at),
        "last_at": NOON + timedelta(seconds=at),
        "direction": "up",
        "value": 0.2,
        "expected": 0.01,
        "low": 0.0,
        "high": 0.06,
        "score": 9.0,
        **fields,
    }
    return Anomaly(detector=of, service=make.service(service), **values)


def found(of: Detector, service: str = "payments", **fields: Any) -> Anomaly:
    made = row(of, service, **fields)
    made.save()
    return made


def correlate() -> list[Incident]:
    return correlation.correlate_open(workspace=make.workspace())


def reason_of(anomaly: Anomaly) -> str:
    anomaly.refresh_from_db()
    return anomaly.reason


def test_why_it_belongs_is_stored_and_told(errors: Detector) -> None:
    first, second = found(errors), found(errors, "checkout", at=30)
    (incident,) = correlate()
    assert reason_of(first) == "same service, 0 s apart"
    assert reason_of(second) == "1 hop and 30 s apart"
    told = incident.events.filter(kind=TimelineEvent.Kind.ANOMALY)
    assert [event.text.split("(")[1] for event in told] == [
        "same service, 0 s apart)",
        "1 hop and 30 s apart)",
    ]
    severity = incident.events.get(kind=TimelineEvent.Kind.SEVERITY).text
    assert severity.startswith(f"set severity {incident.severity}: errors of 20 % at ")


def silence_muted(of: Detector) -> None:
    Detector.objects.filter(pk=of.pk).update(muted_until=NOON + timedelta(minutes=30))


def silence_evidence(of: Detector) -> None:
    Detector.objects.filter(pk=of.pk).update(opens_incident=False)


def silence_snoozed(of: Detector) -> None:
    SeriesTuning.objects.create(
        detector=of, series_key="service=payments", snoozed_until=NOON + timedelta(minutes=30)
    )


@pytest.mark.parametrize(
    ("silence", "reason"),
    [
        (silence_muted, "its detector is muted until 01 Jun 12:30 UTC"),
        (silence_evidence, "evidence only: its detector opens no incident by itself"),
        (silence_snoozed, "its series is snoozed until 01 Jun 12:30 UTC"),
    ],
)
def test_the_silenced_open_nothing_say_why_and_join(
    errors: Detector, silence: Any, reason: str
) -> None:
    silence(errors)
    anomaly = found(errors)
    assert correlate() == []
    assert reason_of(anomaly) == reason
    memory = found(seen.detector("Memory"), "checkout", at=10)
    (incident,) = correlate()
    assert set(incident.anomalies.all()) == {anomaly, memory}
    assert reason_of(anomaly) != reason


def test_what_a_person_called_none_neither_opens_nor_joins(errors: Detector) -> None:
    none = found(errors, feedback=Anomaly.Feedback.NOT_AN_ANOMALY)
    assert correlate() == []
    found(seen.detector("Memory"), "payments", at=10)
    (incident,) = correlate()
    assert none not in incident.anomalies.all()
    assert reason_of(none) == "a person called it not an anomaly"


def test_an_availability_that_rises_is_not_trouble(hands: clock.Hands) -> None:
    up = seen.detector("Instances up", signal=Signal.AVAILABILITY, direction="both")
    better = found(up, direction="up", value=1.0)
    assert correlate() == []
    assert reason_of(better) == "availability that goes up is not trouble"
    found(up, "search", direction="down", value=0.0)
    (incident,) = correlate()
    assert incident.severity == Severity.CRITICAL
    assert incident.anomalies.count() == 1


def test_silence_of_a_dead_source_opens_nothing(errors: Detector) -> None:
    gone = found(errors, kind=Trouble.MISSING)
    Connector.objects.update(failures=3)
    assert correlate() == []
    assert "cannot be read" in reason_of(gone)
    Connector.objects.update(failures=0)
    (incident,) = correlate()
    assert incident.title == "payments: no data"


def test_of_a_call_the_service_called_is_named(hands: clock.Hands) -> None:
    traces = seen.detector("Calls", rule=Detector.Rule.TRACES, signal=Signal.ERRORS)
    details = {"caller": "checkout", "callee": "payments"}
    found(traces, "checkout", kind=Trouble.EDGE_ERRORS, details=details)
    (incident,) = correlate()
    assert incident.service == make.service("payments")
    assert "also hit: checkout" in incident.grouping_reason
    found(traces, "search", at=20)
    assert correlate() == [], "search is two hops from the caller that suffers"
    assert incident.anomalies.count() == 2


def test_a_budget_is_rated_by_how_fast_it_burns(errors: Detector) -> None:
    found(errors, kind=Trouble.BURN_RATE, details={"rate": 3.0, "window_s": 21_600})
    (slow,) = correlate()
    found(errors, "island", kind=Trouble.BURN_RATE, details={"rate": 20.0}, at=-4000)
    (fast,) = correlate()
    assert (slow.severity, fast.severity) == (Severity.MEDIUM, Severity.HIGH)


def test_a_shift_that_stood_long_before_is_not_this_incident(errors: Detector) -> None:
    found(errors, "search", at=-3600, series_key="old")
    (old,) = correlate()
    found(errors, "checkout", at=0)
    (new,) = correlate()
    assert old != new


def test_an_incident_only_becomes_more_severe(errors: Detector) -> None:
    worst = found(errors, value=0.7)
    (incident,) = correlate()
    assert incident.severity == Severity.CRITICAL
    Anomaly.objects.filter(pk=worst.pk).update(value=0.1)
    found(seen.detector("Memory"), at=20)
    correlate()
    incident.refresh_from_db()
    assert incident.severity == Severity.CRITICAL


def test_many_at_once_are_told_in_one_line(errors: Detector) -> None:
    Anomaly.objects.bulk_create(row(errors, series_key=f"pod={i}") for i in range(60))
    (incident,) = correlate()
    told = list(
        incident.events.filter(kind=TimelineEvent.Kind.ANOMALY).values_list("text", flat=True)
    )
    assert len(told) == 21
    assert told[-1] == "saw 40 more anomalies at the same time, at 1 service"


# What was foretold


def foretell(hands: clock.Hands, signal: str = Signal.MEMORY) -> Incident:
    now = clock.now()
    after = [(now + timedelta(minutes=m)).timestamp() for m in (40, 60, 90)]
    made = forecasts.record(
        detector=seen.detector(f"{signal} forecast", signal=signal, unit="ratio"),
        service=make.service("payments"),
        series_key="service=payments",
        labels={},
        breach=Breach(0.7, 1.0, after[0], after[1], after[2], "trend"),
        now=now,
    )
    assert made is not None
    assert made.incident is not None
    return made.incident


def test_the_trouble_foretold_turns_its_incident_live(hands: clock.Hands) -> None:
    predicted = foretell(hands)
    memory = found(seen.detector("Memory"), at=60)
    assert correlate() == [predicted]
    predicted.refresh_from_db()
    assert not predicted.is_predicted
    assert memory in predicted.anomalies.all()
    assert Incident.objects.count() == 1


def test_other_trouble_of_the_service_is_another_incident(
    hands: clock.Hands, errors: Detector
) -> None:
    predicted = foretell(hands)
    found(errors, at=60)
    (incident,) = correlate()
    assert incident != predicted
    predicted.refresh_from_db()
    assert predicted.is_predicted


def test_evidence_joins_what_was_foretold_without_turning_it(hands: clock.Hands) -> None:
    predicted = foretell(hands)
    found(seen.detector("Memory", opens_incident=False), at=60)
    assert correlate() == []
    predicted.refresh_from_db()
    assert predicted.is_predicted
    assert predicted.anomalies.count() == 1


def test_a_live_incident_that_shows_what_was_foretold_takes_it_in(
    hands: clock.Hands, errors: Detector
) -> None:
    predicted = foretell(hands)
    found(errors, "checkout", at=30)
    (live,) = correlate()
    found(seen.detector("Memory"), at=60)
    assert correlate() == []
    predicted.refresh_from_db()
    assert (predicted.state, predicted.merged_into) == (State.MERGED, live)


def test_a_forecast_stored_as_an_anomaly_opens_no_live_incident(errors: Detector) -> None:
    found(errors, kind=Trouble.FORECAST_BREACH)
    assert correlate() == []


# What it costs


def queries_of_correlating() -> int:
    with CaptureQueriesContext(connection) as ran:
        correlate()
    return len(ran)


def evidence(of: Detector, number: int, *, at: float) -> None:
    """So many series of a detector that opens nothing, all of them noted already."""
    one = row(of, "search", at=at, reason="evidence only: its detector opens no incident by itself")
    Anomaly.objects.bulk_create(
        copy_of(one, id=uuid7(), series_key=f"{at}/{i}") for i in range(number)
    )


def copy_of(one: Anomaly, **fields: Any) -> Anomaly:
    made = copy(one)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_ten_thousand_open_anomalies_cost_a_few_queries(errors: Detector) -> None:
    quiet = seen.detector("Evidence", opens_incident=False)
    found(errors)
    correlate()
    evidence(quiet, 10, at=-5000)
    few = queries_of_correlating()
    assert few <= 12
    evidence(quiet, 10_000, at=-6000)
    assert queries_of_correlating() == few, "evidence that is near to nothing is not even read"
    found(errors, "search", at=-5990, series_key="new")
    assert queries_of_correlating() <= 100, "written in batches"
    left = Anomaly.objects.filter(incident__isnull=True)
    assert left.count() == 10, "those that began a quarter of an hour apart"
