"""A sender that falls silent is an alert of its own, raised once and ended by what comes next."""

import pytest

from airra.lib import clock
from incidents import tasks
from incidents.commands import source_silence
from incidents.commands.integration import create_integration
from incidents.lifecycle import AlertStatus, State
from incidents.models import Alert, Incident, Integration, Workspace
from tests.integration.incidents.conftest import Sender
from tests.rivals import at_once, needs_rivals


@pytest.fixture
def watched(generic: Sender) -> Integration:
    Integration.objects.filter(pk=generic.integration.pk).update(
        heartbeat_min=10, last_seen_at=clock.now()
    )
    generic.integration.refresh_from_db()
    return generic.integration


def _heard(integration: Integration) -> None:
    Integration.objects.filter(pk=integration.pk).update(last_seen_at=clock.now())


def test_silence_for_the_stated_time_is_one_alert(watched: Integration, hands: clock.Hands) -> None:
    hands.advance(minutes=9)
    source_silence.sweep()
    assert not Alert.objects.exists()
    hands.advance(minutes=1)
    for _ in range(3):
        source_silence.sweep()
        hands.advance(minutes=30)
    alert = Alert.objects.get()
    assert (alert.dedup_key, alert.delivery, alert.integration) == (
        "airra:silence",
        None,
        watched,
    )
    assert alert.incident == Incident.objects.get()
    assert "has fallen silent" in Incident.objects.get().title


def test_the_next_delivery_ends_it(watched: Integration, hands: clock.Hands) -> None:
    hands.advance(minutes=11)
    source_silence.sweep()
    hands.advance(minutes=5)
    _heard(watched)
    source_silence.sweep()
    assert Alert.objects.get().status == AlertStatus.RESOLVED
    assert Incident.objects.get().state == State.RESOLVED
    hands.advance(minutes=11)
    source_silence.sweep()
    assert Alert.objects.live().count() == 1, "and the next silence is another episode"


def test_any_delivery_is_a_sign_of_life(
    generic: Sender, watched: Integration, hands: clock.Hands
) -> None:
    """The whole way: over HTTP, and by the job that sweeps."""
    hands.advance(minutes=11)
    with generic.run_jobs(execute=True):
        tasks.sweep()
    assert Alert.objects.get().status == AlertStatus.FIRING
    hands.advance(minutes=1)
    generic.post(b"no JSON at all")
    with generic.run_jobs(execute=True):
        tasks.sweep()
    assert Alert.objects.get().status == AlertStatus.RESOLVED
    generic.integration.refresh_from_db()
    assert generic.integration.silent_since is None


def test_one_that_never_spoke_is_silent_from_its_making(
    watched: Integration, hands: clock.Hands
) -> None:
    Integration.objects.update(last_seen_at=None, created_at=clock.now())
    hands.advance(minutes=10)
    source_silence.sweep()
    assert "It has never delivered" in Alert.objects.get().description


def test_who_is_not_listened_to_any_more_is_not_waited_for(
    watched: Integration, hands: clock.Hands
) -> None:
    hands.advance(minutes=10)
    source_silence.sweep()
    Integration.objects.update(is_active=False)
    source_silence.sweep()
    assert not Alert.objects.live().exists()


def test_nobody_is_expected_to_speak_unless_it_is_said(generic: Sender, hands: clock.Hands) -> None:
    hands.advance(days=30)
    source_silence.sweep()
    assert not Alert.objects.exists()


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_make_one(hands: clock.Hands) -> None:
    place, _ = Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})
    made, _ = create_integration(workspace=place, name="scripts", kind="generic", by=None)
    Integration.objects.filter(pk=made.pk).update(heartbeat_min=10, last_seen_at=clock.now())
    hands.advance(minutes=10)
    at_once(4, source_silence.sweep)
    assert Alert.objects.count() == Incident.objects.count() == 1
