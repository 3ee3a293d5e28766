"""Alertmanager ends what Prometheus could not tell it of, and later tells its old beginning again.

Seen with the real one: the alert fired on for good, and here it stayed over.
"""

from airra.lib import clock
from incidents.models import Alert, Delivery, Incident
from tests.integration.incidents.conftest import Sender, batch, fired, over


def timed_out(alertmanager: Sender, hands: clock.Hands) -> None:
    alertmanager.post(batch(fired()))
    hands.advance(minutes=5)
    alertmanager.post(batch(over(end="2026-03-02T03:04:00Z")))
    assert not Incident.objects.live().exists()


def test_what_fires_on_after_its_end_is_there_again(
    alertmanager: Sender, hands: clock.Hands
) -> None:
    timed_out(alertmanager, hands)
    hands.advance(minutes=5)
    alertmanager.post(batch(fired()))
    assert alertmanager.episodes() == ["resolved", "firing"]
    assert Alert.objects.live().get().starts_at == clock.now()
    assert Incident.objects.live().count() == 1


def test_told_on_and_on_it_is_one_episode(alertmanager: Sender, hands: clock.Hands) -> None:
    timed_out(alertmanager, hands)
    for more in range(3):
        hands.advance(minutes=5)
        alertmanager.post(batch(fired(), truncatedAlerts=more))
    assert alertmanager.episodes() == ["resolved", "firing"]
    assert Alert.objects.live().get().times_seen == 3


def test_its_end_ends_it_and_it_may_happen_again(alertmanager: Sender, hands: clock.Hands) -> None:
    timed_out(alertmanager, hands)
    for body in (fired(), over(end="2026-03-02T03:14:00Z"), fired()):
        hands.advance(minutes=5)
        alertmanager.post(batch(body))
    assert alertmanager.episodes() == ["resolved", "resolved", "firing"]


def test_a_peer_that_was_overtaken_brings_nothing_back(
    alertmanager: Sender, hands: clock.Hands
) -> None:
    timed_out(alertmanager, hands)
    hands.advance(seconds=20)
    alertmanager.post(batch(fired()))
    assert alertmanager.episodes() == ["resolved"]
    assert not Incident.objects.live().exists()


def test_how_long_it_waited_to_be_read_does_not_matter(
    alertmanager: Sender, hands: clock.Hands
) -> None:
    alertmanager.post(batch(fired()))
    hands.advance(minutes=5)
    alertmanager.post(batch(over(end="2026-03-02T03:04:00Z")), lost=True)
    hands.advance(minutes=5)
    alertmanager.post(batch(fired()), lost=True)
    hands.advance(minutes=30)
    alertmanager.sweep()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"processed"}
    assert alertmanager.episodes() == ["resolved", "firing"]
