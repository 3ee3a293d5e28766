"""Firing, acknowledged, suppressed, no data, resolved: what each does, and what it leaves alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.commands import flapping
from incidents.commands.alert import settle_quiet
from incidents.ingest.life import FLAPPING_CHANGES, QUIET_AFTER
from incidents.lifecycle import AlertStatus, Severity, State
from incidents.models import Alert, Incident, ServiceDependency
from tests.factories import incidents as make
from tests.integration.incidents.conftest import Sender
from tests.integration.incidents.telling import Told, turn

QUIET_MIN = QUIET_AFTER.total_seconds() / 60


@pytest.fixture
def errors(generic: Sender) -> Told:
    return Told(generic.integration)


@pytest.fixture
def latency(generic: Sender) -> Told:
    return Told(generic.integration, key="SlowAnswers")


def _only() -> Incident:
    return Incident.objects.get()


def _story() -> str:
    return " / ".join(_only().events.values_list("text", flat=True))


@pytest.mark.parametrize("status", ["suppressed", "no_data"])
def test_what_is_not_trouble_wakes_nobody(errors: Told, status: str) -> None:
    assert errors.says(status) is None
    assert errors.alert().status == status
    assert not Incident.objects.exists()


@pytest.mark.parametrize("status", ["suppressed", "no_data"])
def test_what_is_not_trouble_does_not_escalate(errors: Told, status: str) -> None:
    errors.says("firing")
    errors.says(status, severity=Severity.CRITICAL, severity_word="critical")
    assert _only().severity == errors.alert().severity == Severity.MEDIUM


def test_no_data_holds_the_incident_open_until_its_sender_resolves(
    errors: Told, hands: clock.Hands
) -> None:
    errors.says("firing")
    errors.says("no_data")
    hands.advance(days=3)
    settle_quiet()
    assert _only().state == State.OPEN
    assert "has no data for" in _story()
    errors.says("resolved")
    assert _only().state == State.RESOLVED


def test_back_from_no_data_is_the_same_episode(errors: Told, hands: clock.Hands) -> None:
    errors.says("firing")
    errors.says("no_data")
    hands.advance(minutes=3)
    errors.says("firing", starts_at=clock.now())
    assert Alert.objects.count() == 1
    assert errors.alert().status == AlertStatus.FIRING
    assert errors.alert().times_seen == 3
    assert errors.alert().last_seen_at == clock.now()
    assert "fires again, as the same episode" in _story()


def test_no_data_that_turns_into_trouble_opens_an_incident_then(errors: Told) -> None:
    errors.says("no_data")
    incident = errors.says("firing")
    assert incident == _only() == errors.alert().incident
    assert errors.alert().decisions.get().incident == incident


def test_suppressed_is_not_waited_for(errors: Told, latency: Told) -> None:
    errors.says("firing")
    latency.says("firing")
    latency.says("suppressed")
    assert _only().state == State.OPEN
    errors.says("resolved")
    assert _only().state == State.RESOLVED


def test_suppressed_alone_resolves_nothing(errors: Told, hands: clock.Hands) -> None:
    errors.says("firing")
    errors.says("suppressed")
    hands.advance(days=1)
    settle_quiet()
    assert _only().state == State.OPEN


def test_acknowledged_elsewhere_is_told_and_takes_nothing_on_here(errors: Told) -> None:
    errors.says("firing")
    errors.says("acknowledged")
    assert _only().state == State.OPEN
    assert _only().acknowledged_by is None
    assert "nobody has taken it on here by that" in _story()
    errors.says("firing")
    assert "is no longer acknowledged there" in _story()


def test_acknowledged_before_it_was_heard_of_opens_an_incident(errors: Told) -> None:
    assert errors.says("acknowledged") == _only()
    assert "nobody has taken it on here by that" in _story()


def test_a_repeat_without_a_beginning_is_no_new_episode(errors: Told, hands: clock.Hands) -> None:
    """Some senders tell no time: then each arrival looks like a later beginning."""
    errors.says("firing")
    Incident.objects.update(state=State.RESOLVED, resolved_at=clock.now())
    hands.advance(minutes=1)
    errors.says("firing", starts_at=clock.now(), is_start_told=False)
    assert Alert.objects.count() == Incident.objects.count() == 1


def test_never_from_silence(errors: Told, hands: clock.Hands) -> None:
    errors.says("firing")
    hands.advance(days=30)
    settle_quiet()
    assert _only().state == State.OPEN


def test_no_sender_can_speak_for_airra(generic: Sender) -> None:
    generic.post({"grouping_id": "airra:silence", "title": "x", "state": "firing"})
    keys = Alert.objects.values_list("dedup_key", flat=True)
    assert not [key for key in keys if key.startswith("airra:")]


# Flapping


def test_two_rounds_within_the_hour_are_flapping(errors: Told, hands: clock.Hands) -> None:
    turn(errors, hands, minutes=5)
    assert not errors.alert().is_flapping
    turn(errors, hands, minutes=5)
    assert errors.alert().is_flapping
    newest = Incident.objects.latest("number")
    assert newest.state == State.OPEN, "every alert has cleared, but it is not believed yet"
    assert "flapping" in " ".join(newest.events.values_list("text", flat=True))


def test_of_an_alert_that_turns_again_and_again_only_the_newest_are_read(
    errors: Told, hands: clock.Hands
) -> None:
    """One that came and went each second had each word of it cost what an hour of it had left."""
    for _ in range(10):
        turn(errors, hands, minutes=0.1)
    with CaptureQueriesContext(connection) as seen:
        flapping.look(errors.alert())
    asked = [one["sql"] for one in seen.captured_queries if '"received_at"' in one["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(asked[-1])
        assert len(cursor.fetchall()) == FLAPPING_CHANGES


def test_a_turn_as_long_as_the_window_counts_with_its_end(errors: Told, hands: clock.Hands) -> None:
    """What began before the window and ended within is among the newest, however many follow."""
    errors.says("firing")
    hands.advance(minutes=70)
    errors.says("resolved")
    hands.advance(minutes=5)
    errors.says("firing")
    hands.advance(minutes=5)
    errors.says("resolved")
    assert not errors.alert().is_flapping
    hands.advance(minutes=5)
    errors.says("firing")
    assert errors.alert().is_flapping


def test_slow_turns_are_not_flapping(errors: Told, hands: clock.Hands) -> None:
    for _ in range(4):
        turn(errors, hands, minutes=25)
    assert not Alert.objects.filter(is_flapping=True).exists()
    assert not Incident.objects.exclude(state=State.RESOLVED).exists()


def test_further_turns_stay_in_one_incident_and_off_its_timeline(
    errors: Told, hands: clock.Hands
) -> None:
    for _ in range(2):
        turn(errors, hands, minutes=5)
    count, newest = Incident.objects.count(), Incident.objects.latest("number")
    told = newest.events.count()
    for _ in range(5):
        turn(errors, hands, minutes=5)
        settle_quiet()
    assert Incident.objects.count() == count
    assert errors.alert().incident == newest
    assert newest.events.count() == told
    assert Alert.objects.filter(is_flapping=True).get() == errors.alert()


def test_quiet_ends_flapping_and_then_the_incident(errors: Told, hands: clock.Hands) -> None:
    for _ in range(2):
        turn(errors, hands, minutes=5)
    newest = Incident.objects.latest("number")
    hands.advance(minutes=QUIET_MIN - 5.5)
    settle_quiet()
    newest.refresh_from_db()
    assert newest.state == State.OPEN
    hands.advance(minutes=1)
    settle_quiet()
    newest.refresh_from_db()
    assert newest.state == State.RESOLVED
    assert not errors.alert().is_flapping


def test_steadily_firing_is_no_longer_flapping_and_stays_open(
    errors: Told, hands: clock.Hands
) -> None:
    for _ in range(2):
        turn(errors, hands, minutes=5)
    errors.says("firing")
    hands.advance(minutes=QUIET_MIN)
    settle_quiet()
    assert not errors.alert().is_flapping
    assert Incident.objects.latest("number").state == State.OPEN


def test_what_flaps_goes_where_it_is_explained_and_leaves_an_incident_that_is_over(
    errors: Told, hands: clock.Hands
) -> None:
    """Its own incident takes it back, but for one that is about what is going on now."""
    payments, ledger = make.service("payments"), make.service("ledger")
    ServiceDependency.objects.create(caller=payments, callee=ledger)
    for _ in range(2):
        turn(errors, hands, minutes=4)
    over = errors.alert().incident
    assert over is not None
    hands.advance(minutes=10)
    new = Told(errors.integration, key="own", service="ledger").says("firing")
    assert new != over
    hands.advance(minutes=1)
    assert errors.says("firing") == new
    said = errors.alert().decisions.get().reason
    assert said.startswith(f"every alert of {over.key}, where it was, is over; payments calls ")
    assert new is not None
    told = new.events.values_list("text", flat=True)
    assert [text for text in told if "flapping" in text], "each of its turns is not told here"
    settle_quiet()
    over.refresh_from_db()
    assert over.state == State.RESOLVED


def test_what_flaps_goes_back_while_its_incident_has_more_that_fires(
    errors: Told, latency: Told, hands: clock.Hands
) -> None:
    latency.says("firing")
    for _ in range(2):
        turn(errors, hands, minutes=4)
    home = errors.alert().incident
    hands.advance(minutes=10)
    assert Told(errors.integration, key="own", service="ledger").says("firing") != home
    assert errors.says("firing") == home


# Severity


def test_an_unknown_severity_takes_the_weight_of_its_service(errors: Told) -> None:
    service = make.service("payments", tier=1)
    for name in ("a", "b", "c", "d"):
        ServiceDependency.objects.create(caller=make.service(name), callee=service)
    ServiceDependency.objects.create(caller=make.service("e"), callee=make.service("a"))
    errors.says("firing", severity_word="page", is_severity_mapped=False)
    alert = errors.alert()
    assert alert.severity == _only().severity == Severity.CRITICAL
    assert "“page” is not known" in alert.severity_reason
    assert "payments is critical, and 5 services depend on it" in alert.severity_reason


def test_a_known_severity_is_raised_one_step_where_much_hangs_on_it(errors: Told) -> None:
    service = make.service("payments", tier=1)
    for name in ("a", "b", "c", "d", "e"):
        ServiceDependency.objects.create(caller=make.service(name), callee=service)
    errors.says("firing")
    assert errors.alert().severity == Severity.HIGH
    assert "raised from medium to high" in errors.alert().severity_reason


def test_a_circle_of_calls_is_counted_once(errors: Told) -> None:
    payments, search = make.service("payments", tier=3), make.service("search")
    ServiceDependency.objects.create(caller=search, callee=payments)
    ServiceDependency.objects.create(caller=payments, callee=search)
    errors.says("firing", severity_word="", is_severity_mapped=False)
    assert errors.alert().severity == Severity.LOW
    assert "1 service depends on it" in errors.alert().severity_reason
