"""Messages that are lost, workers that die, and two at the same time: each delivery counts once."""

from typing import Any

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands.integration import create_integration
from incidents.commands.proving import PROVEN
from incidents.models import Alert, Delivery, Incident, Integration, TimelineEvent, Workspace
from incidents.signals import incident_opened
from tests.integration.incidents.conftest import Sender, batch, fired
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db
State = Delivery.State


class Killed(BaseException):
    """The process dies: nothing after this line runs."""


def die_at(delivery: Delivery) -> None:
    """A worker dies in the middle of it, when the incident has just been opened."""

    def die(**_: Any) -> None:
        raise Killed

    incident_opened.connect(die)
    try:
        with pytest.raises(Killed):
            commands.process(delivery_id=str(delivery.pk))
    finally:
        incident_opened.disconnect(die)


def test_a_delivery_whose_message_was_lost_is_picked_up(
    alertmanager: Sender, hands: clock.Hands
) -> None:
    assert alertmanager.post(batch(fired()), lost=True).status_code == 202
    alertmanager.sweep()
    assert alertmanager.delivery().state == State.STORED, "its message may still be on its way"
    hands.advance(seconds=6)
    alertmanager.sweep()
    assert alertmanager.delivery().state == State.PROCESSED
    before = alertmanager.story()
    hands.advance(seconds=6)
    alertmanager.sweep()
    assert alertmanager.story() == before


def test_a_repeat_wakes_what_is_still_waiting(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired()), lost=True)
    assert alertmanager.post(batch(fired())).json()["repeat"]
    assert alertmanager.delivery().state == State.PROCESSED


def test_a_worker_that_dies_leaves_nothing_but_the_delivery(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired()), lost=True)
    die_at(alertmanager.delivery())
    assert alertmanager.delivery().state == State.STORED
    assert alertmanager.delivery().processed_at is None
    for left in (Incident, Alert, TimelineEvent):
        assert not left._default_manager.exists()


def test_the_sweep_finishes_what_a_dead_worker_began_once(
    alertmanager: Sender, hands: clock.Hands
) -> None:
    alertmanager.post(batch(fired()), lost=True)
    die_at(alertmanager.delivery())
    hands.advance(seconds=6)
    alertmanager.sweep()
    alertmanager.sweep()
    assert alertmanager.delivery().state == State.PROCESSED
    assert alertmanager.incident().key == "INC-1"
    assert Alert.objects.count() == 1


def test_a_job_that_runs_twice_tells_it_once(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired()))
    before = alertmanager.story()
    commands.process(delivery_id=str(alertmanager.delivery().pk))
    assert alertmanager.story() == before
    assert Alert.objects.count() == 1


def test_the_sweep_leaves_what_was_refused_alone(generic: Sender, hands: clock.Hands) -> None:
    generic.post(b"{}")
    hands.advance(minutes=5)
    generic.sweep()
    assert (generic.delivery().state, generic.delivery().processed_at) == (State.REFUSED, None)


def test_what_waits_is_taken_in_the_order_it_came(generic: Sender, hands: clock.Hands) -> None:
    for body in ({"title": "x"}, {"title": "x", "state": "ok"}):
        generic.post(body, lost=True)
        hands.advance(seconds=6)
    generic.sweep()
    assert generic.episodes() == ["resolved"]
    assert not generic.incident().is_live


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_delivery_tell_it_once(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sender = _committed_sender(django_capture_on_commit_callbacks)
    delivery = Delivery.objects.create(
        integration=sender.integration,
        identity="1" * 64,
        body=b'{"title": "disk full", "service": "payments"}',
        headers={PROVEN: "in this test"},
    )
    at_once(4, lambda: commands.process(delivery_id=str(delivery.pk)))
    assert sender.delivery().state == State.PROCESSED
    assert sender.incident().key == "INC-1"
    assert Alert.objects.count() == 1


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_the_same_body_from_two_threads_is_one_delivery(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sender = _committed_sender(django_capture_on_commit_callbacks)
    receipts: list[commands.Receipt] = []

    def deliver() -> None:
        receipts.append(commands.receive(integration=sender.integration, body=b'{"title": "x"}'))

    at_once(4, deliver)
    assert sorted(receipt.is_repeat for receipt in receipts) == [False, True, True, True]
    assert sender.delivery().repeats == 3
    assert sender.incident().alerts.count() == 1


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_alerts_of_one_service_at_once_open_one_incident(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sender = _committed_sender(django_capture_on_commit_callbacks)
    titles = ("disk full", "memory full", "cpu full", "queue full")
    bodies = [f'{{"title": "{title}", "service": "payments"}}'.encode() for title in titles]

    def deliver() -> None:
        commands.receive(integration=sender.integration, body=bodies.pop())

    at_once(4, deliver)
    assert sender.incident().alerts.count() == 4


def _committed_sender(run_jobs: Any) -> Sender:
    place, _ = Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})
    made, token = create_integration(
        workspace=place, name="scripts", kind=Integration.Kind.GENERIC, by=None
    )
    return Sender(made, token, run_jobs)
