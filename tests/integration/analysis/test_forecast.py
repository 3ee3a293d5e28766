"""What is foretold: predicted incidents, what becomes of them, and the record of forecasts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airra.lib import clock
from analysis.commands import forecast as forecasts
from analysis.models import Detector, Forecast, SeriesTuning
from analysis.queries import forecasts as queries
from analysis.types import Breach, Withdrawal
from incidents.commands import incident as incidents
from incidents.lifecycle import Severity, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Role
from tests.factories import analysis as seen
from tests.factories import incidents as make
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
Outcome = Forecast.Outcome


def minutes(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def breach(earliest: float, expected: float, latest: float | None, value: float = 0.7) -> Breach:
    at = [None if m is None else minutes(m).timestamp() for m in (earliest, expected, latest)]
    assert at[0] is not None
    assert at[1] is not None
    return Breach(value, 1.0, at[0], at[1], at[2], "trend")


@pytest.fixture
def hands() -> Any:
    with clock.frozen(NOON) as hands:
        yield hands


@pytest.fixture
def memory(hands: clock.Hands) -> Detector:
    make.shop()
    return seen.detector(
        "Memory forecast", rule=Detector.Rule.FORECAST, unit="ratio", interval_s=30
    )


@pytest.fixture
def foretell(memory: Detector) -> Callable[..., Forecast | None]:
    def record(of: Breach | None = None, **fields: Any) -> Forecast | None:
        values = {"detector": memory, "series_key": "service=payments", **fields}
        return forecasts.record(
            service=values.pop("service", make.service("payments")),
            labels={"service": "payments"},
            breach=of or breach(40, 60, 90),
            now=clock.now(),
            **values,
        )

    return record


def withdraw(detector: Detector, why: Withdrawal) -> bool:
    return forecasts.withdraw(
        detector=detector, series_key="service=payments", now=clock.now(), why=why
    )


def only() -> Incident:
    return Incident.objects.get()


def said(incident: Incident) -> str:
    return "\n".join(incident.events.values_list("text", flat=True))


def test_a_forecast_opens_a_predicted_incident_with_its_interval(foretell: Any) -> None:
    assert foretell() is not None
    incident = only()
    assert incident.is_predicted
    assert incident.title == "payments: memory on its way to 100 %"
    assert incident.severity == Severity.HIGH
    assert "reaches 100 % between 12:40 and 13:30 UTC, most likely 13:00" in said(incident)
    assert "memory of payments at its limit is serious" in said(incident)
    assert not Incident.objects.open().exists()


def test_the_same_forecast_again_renews_it_and_keeps_what_it_is_judged_by(
    foretell: Any, hands: clock.Hands
) -> None:
    first = foretell()
    hands.advance(minutes=1)
    foretell(breach(50, 70, None))
    again = Forecast.objects.get()
    assert again.pk == first.pk
    assert (again.earliest_at, again.latest_at) == (minutes(40), minutes(90))
    assert (again.newest_expected_at, again.newest_latest_at) == (minutes(70), None)
    assert only().events.filter(kind=TimelineEvent.Kind.ANOMALY).count() == 1


def test_what_comes_nearer_becomes_more_severe(foretell: Any, hands: clock.Hands) -> None:
    foretell(breach(100, 180, 300))
    assert only().severity == Severity.MEDIUM
    hands.advance(minutes=130)
    foretell(breach(170, 185, 200))
    assert only().severity == Severity.HIGH


@pytest.mark.parametrize(
    ("at", "outcome"),
    [(30, Outcome.EARLY), (40, Outcome.RIGHT), (90, Outcome.RIGHT), (91, Outcome.MISSED)],
)
def test_a_breach_that_comes_settles_it_and_turns_the_incident_live(
    foretell: Any, memory: Detector, hands: clock.Hands, at: float, outcome: Outcome
) -> None:
    foretell()
    hands.advance(minutes=at)
    foretell(breach(at, at, at, value=1.0))
    forecast, incident = Forecast.objects.get(), only()
    assert forecast.outcome == outcome
    assert forecast.breached_at == minutes(at)
    assert not incident.is_predicted
    assert incident.started_at == minutes(at)
    assert "turned what was foretold into a live one" in said(incident)
    assert not forecasts.came_true(
        detector=memory, series_key="service=payments", at=clock.now(), now=clock.now()
    )


def test_without_a_latest_it_has_twice_the_expected_time(foretell: Any, hands: Any) -> None:
    foretell(breach(40, 60, None))
    hands.advance(minutes=119)
    assert forecasts.settle_due(clock.now()) == 0
    hands.advance(minutes=2)
    assert forecasts.settle_due(clock.now()) == 1
    assert Forecast.objects.get().outcome == Outcome.MISSED


def test_what_does_not_come_ends_with_that_word(foretell: Any, hands: Any) -> None:
    foretell()
    hands.advance(minutes=91)
    assert forecasts.settle_due(clock.now()) == 1
    assert only().is_live, "a detector may foretell it anew in a moment"
    hands.advance(minutes=3)
    assert forecasts.settle_due(clock.now()) == 0
    assert only().state == State.RESOLVED
    assert only().resolution.startswith("did not come: ")
    assert only().is_predicted, "it never was trouble"


def test_what_is_late_but_still_coming_stays_one_incident(foretell: Any, hands: Any) -> None:
    foretell()
    hands.advance(minutes=91)
    foretell(breach(95, 100, 110))
    forecasts.settle_due(clock.now())
    foretell(breach(95, 100, 110))
    forecasts.settle_due(clock.now())
    assert only().is_live
    outcomes = Forecast.objects.values_list("outcome", flat=True)
    assert sorted(outcomes) == [Outcome.MISSED, Outcome.PENDING]


@pytest.mark.parametrize("why", [Withdrawal.FELL, Withdrawal.RESTARTED, Withdrawal.GONE])
def test_what_is_averted_ends_at_once_and_counts_neither_way(
    foretell: Any, memory: Detector, why: Withdrawal
) -> None:
    foretell()
    assert withdraw(memory, why)
    assert not withdraw(memory, why)
    assert only().state == State.RESOLVED
    assert only().resolution.startswith("averted: ")
    assert str(why) in said(only())
    assert queries.record_of(memory) == queries.Record(averted=1)


def test_a_trend_that_is_not_seen_for_a_moment_is_waited_for(
    foretell: Any, memory: Detector, hands: Any
) -> None:
    foretell()
    hands.advance(seconds=60)
    assert not withdraw(memory, Withdrawal.LEVELLED_OFF)
    hands.advance(seconds=70)
    assert withdraw(memory, Withdrawal.LEVELLED_OFF)
    assert Forecast.objects.get().outcome == Outcome.MISSED


def test_a_trend_that_ends_after_an_action_was_averted(
    foretell: Any, memory: Detector, hands: Any
) -> None:
    foretell()
    make.event(only(), TimelineEvent.Kind.EXECUTION, "restarted payments")
    hands.advance(minutes=5)
    withdraw(memory, Withdrawal.LEVELLED_OFF)
    assert Forecast.objects.get().outcome == Outcome.AVERTED


def test_the_end_waits_for_an_action_under_way(foretell: Any, memory: Detector, hands: Any) -> None:
    foretell()
    Incident.objects.update(state=State.VERIFYING)
    withdraw(memory, Withdrawal.FELL)
    assert only().state == State.VERIFYING
    Incident.objects.update(state=State.NO_SAFE_ACTION)
    forecasts.settle_due(clock.now())
    assert only().state == State.RESOLVED


def test_a_live_incident_of_the_same_trouble_takes_the_forecast_in(foretell: Any) -> None:
    live = make.incident(about=make.service("payments"), age_s=7200)
    seen.anomaly(live)
    forecast = foretell()
    assert forecast.incident == live == only()
    assert "foresees that memory forecast of payments" in said(live)


def test_an_old_live_incident_of_other_trouble_does_not(foretell: Any) -> None:
    live = make.incident(about=make.service("payments"), age_s=7200)
    seen.anomaly(live, by=seen.detector("Errors", signal=Detector.Signal.ERRORS))
    assert foretell().incident != live


def test_two_series_of_one_service_and_signal_are_one_prediction(
    foretell: Any, memory: Detector, hands: Any
) -> None:
    one = foretell()
    other = foretell(series_key="service=payments,instance=2")
    assert one.incident == other.incident
    withdraw(memory, Withdrawal.FELL)
    assert only().is_live, "the other one is still on its way"


def test_a_breach_goes_into_the_incident_that_is_there_already(foretell: Any, hands: Any) -> None:
    foretell()
    hands.advance(minutes=50)
    live = make.incident(about=make.service("payments"), age_s=60)
    foretell(breach(50, 50, 50, value=1.0))
    predicted = Incident.objects.get(is_predicted=True)
    assert predicted.state == State.MERGED
    assert predicted.merged_into == live
    assert f"took in {predicted.key}" in said(live)


@pytest.mark.parametrize("silenced", ["evidence only", "muted", "snoozed"])
def test_the_silenced_foretell_without_an_incident(
    foretell: Any, memory: Detector, hands: Any, silenced: str
) -> None:
    if silenced == "snoozed":
        SeriesTuning.objects.create(
            detector=memory, series_key="service=payments", snoozed_until=minutes(10)
        )
    else:
        memory.opens_incident = silenced != "evidence only"
        memory.muted_until = minutes(10) if silenced == "muted" else None
        memory.save()
    assert foretell().outcome == Outcome.PENDING
    assert not Incident.objects.exists()
    hands.advance(minutes=11)
    foretell()
    assert Incident.objects.exists() == (silenced != "evidence only")


def test_an_incident_a_person_ended_stays_ended(foretell: Any, hands: Any) -> None:
    foretell()
    incidents.resolve(incident=only(), resolution="known", by=make.person(Role.RESPONDER))
    hands.advance(minutes=1)
    foretell()
    hands.advance(minutes=60)
    foretell(breach(60, 61, 61, value=1.0))
    assert only().state == State.RESOLVED
    assert Forecast.objects.get().outcome == Outcome.RIGHT


def test_the_prediction_of_a_detector_that_is_gone_is_withdrawn(
    foretell: Any, memory: Detector
) -> None:
    foretell()
    memory.delete()
    forecasts.settle_due(clock.now())
    assert only().resolution.startswith("withdrawn: ")


def test_the_record_counts_shares_coverage_and_lead(memory: Detector, hands: Any) -> None:
    def past(outcome: Outcome, came_after: float | None) -> None:
        Forecast.objects.create(
            detector=memory,
            series_key=f"{outcome}{came_after}",
            made_at=NOON,
            value=0.5,
            limit=1.0,
            earliest_at=minutes(40),
            expected_at=minutes(60),
            latest_at=minutes(90),
            outcome=outcome,
            breached_at=None if came_after is None else minutes(came_after),
            settled_at=minutes(100),
        )

    past(Outcome.RIGHT, 50)
    past(Outcome.RIGHT, 70)
    past(Outcome.EARLY, 30)
    past(Outcome.MISSED, None)
    past(Outcome.AVERTED, None)
    record = queries.record_of(memory)
    assert (record.n, record.right_share, record.came) == (4, 0.5, 3)
    assert record.coverage == pytest.approx(2 / 3)
    assert record.lead_s == 50 * 60
    viewer = make.person(Role.VIEWER)
    assert queries.overall(viewer) == record
    assert queries.records(viewer) == {memory.pk: record}
    assert queries.overall(make.person(None)).right_share is None


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_workers_that_foretell_at_once_open_one_incident(foretell: Any) -> None:
    at_once(6, foretell)
    assert Forecast.objects.count() == 1
    assert only().forecasts.count() == 1


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_workers_that_see_it_come_at_once_turn_it_once(foretell: Any, hands: Any) -> None:
    foretell()
    hands.advance(minutes=50)
    at_once(6, lambda: foretell(breach(50, 50, 50, value=1.0)))
    assert said(only()).count("turned what was foretold") == 1
