"""A webhook body at the door: who is let in, what is kept, and what counts as said before."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.models import Alert, Delivery, Incident, TimelineEvent
from tests.integration.incidents.conftest import Sender, batch, fired, over

State = Delivery.State
pytestmark = pytest.mark.django_db


def test_a_delivery_is_kept_as_it_came_and_becomes_an_incident(generic: Sender) -> None:
    answer = generic.post(b'{"title": "disk full",  "service": "payments"}')
    assert answer.status_code == 202
    assert answer.json() == {"delivery": str(generic.delivery().pk), "repeat": False}
    kept = generic.delivery()
    assert bytes(kept.body) == b'{"title": "disk full",  "service": "payments"}'
    assert (kept.state, kept.processed_at, kept.received_at) == (
        State.PROCESSED,
        clock.now(),
        clock.now(),
    )
    incident = generic.incident()
    assert (incident.title, str(incident.service), incident.source) == (
        "disk full",
        "payments",
        Incident.Source.ALERT,
    )
    assert Alert.objects.get().incident == incident


def test_when_a_sender_was_last_seen_is_noted(generic: Sender) -> None:
    generic.post(b"not even json")
    generic.integration.refresh_from_db()
    assert generic.integration.last_seen_at == clock.now()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, ""),
        (b"", 400, ""),
        (b"\xff\x00", 400, ""),
        (b"[]", 422, "the body"),
        (b"{}", 422, "title"),
        (b'{"title": "x", "labels": {"a": []}}', 422, "labels.a"),
        (b'{"title": "x", "labels": {"\\ud800": []}}', 422, "labels.?"),
        (b'{"title": "x", "labels": {"\\u0000": []}}', 422, "labels.\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_malformed_body_is_told_which_field_and_kept(
    generic: Sender, body: bytes, status: int, field: str
) -> None:
    answer = generic.post(body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    kept = generic.delivery()
    said = answer.json()
    assert said["status"] == status
    assert said["delivery"] == str(kept.pk)
    assert [error["field"] for error in said.get("errors", [])] == ([field] if field else [])
    assert bytes(kept.body) == body
    assert (kept.state, kept.error_field, kept.error) == (State.REFUSED, field, said["detail"])
    assert not Incident.objects.exists()


def test_a_malformed_alertmanager_body_names_the_place_in_its_list(alertmanager: Sender) -> None:
    answer = alertmanager.post(batch(fired(), fired("Other", status=["firing"])))
    assert answer.status_code == 202, "its sender can mend nothing: it is listed, not argued with"
    kept = alertmanager.delivery()
    assert (kept.state, kept.error_field) == (State.REFUSED, "alerts[1].status")
    assert not Alert.objects.exists(), "one wrong alert refuses the batch: nothing of it is done"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x", "Bearer \xff"],
)
def test_without_the_right_token_it_is_kept_apart(generic: Sender, authorization: str) -> None:
    answer = generic.post(
        {"title": "x"}, authorization=authorization.replace("{token}", generic.token)
    )
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    kept = generic.delivery()
    assert (kept.state, bytes(kept.body)) == (State.UNTRUSTED, b'{"title": "x"}')
    assert kept.error in {"no token came with it", "the token is not this integration's"}
    assert kept.headers == {}
    assert not Incident.objects.exists()


def test_the_token_of_another_sender_does_not_open_the_door(
    generic: Sender, alertmanager: Sender
) -> None:
    answer = generic.post({"title": "x"}, authorization=f"Bearer {alertmanager.token}")
    assert answer.status_code == 401
    assert generic.delivery().state == State.UNTRUSTED


def test_an_address_that_is_unknown_or_switched_off_is_not_found(generic: Sender) -> None:
    known = generic.integration.pk
    generic.integration.pk = uuid7()
    assert generic.post({"title": "x"}).status_code == 404
    generic.integration.pk = known
    generic.integration.is_active = False
    generic.integration.save()
    assert generic.post({"title": "x"}).status_code == 404
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "options", "head"])
def test_deliveries_are_posted(generic: Sender, method: str) -> None:
    answer = getattr(Client(), method)(reverse("hook", args=[generic.integration.pk]))
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_body_over_four_mebibytes_is_refused_and_not_kept(generic: Sender) -> None:
    just_too_large = b'{"title": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    answer = generic.post(just_too_large)
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    assert not Delivery.objects.exists()
    assert generic.post(b'{"title": "' + b"x" * (4 * 1024 * 1024 - 13) + b'"}').status_code == 202


def test_a_repeat_changes_nothing_but_its_count(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired()))
    before = alertmanager.story()
    answer = alertmanager.post(batch(fired()))
    assert (answer.status_code, answer.json()["repeat"]) == (200, True)
    assert answer.json()["delivery"] == str(alertmanager.delivery().pk)
    assert alertmanager.delivery().repeats == 1
    assert alertmanager.story() == before
    assert Alert.objects.count() == 1


def test_the_same_alert_in_other_words_tells_nothing_new(alertmanager: Sender) -> None:
    """Alertmanager sends it again each repeat_interval, in a body that may differ."""
    alertmanager.post(batch(fired()))
    before = alertmanager.story()
    assert alertmanager.post(batch(fired(), truncatedAlerts=0)).status_code == 200
    assert alertmanager.story() == before
    assert Alert.objects.count() == 1


def test_a_malformed_repeat_is_refused_again_and_kept_once(generic: Sender) -> None:
    generic.post(b"{}")
    assert generic.post(b"{}").status_code == 422
    assert (generic.delivery().state, generic.delivery().repeats) == (State.REFUSED, 1)


def test_after_the_mapping_is_mended_the_same_body_is_taken(generic: Sender) -> None:
    assert generic.post({"event": "disk full"}).status_code == 422
    generic.integration.mapping = {"title": "event"}
    generic.integration.save()
    assert generic.post({"event": "disk full"}).status_code == 200
    kept = generic.delivery()
    assert (kept.state, kept.error_field, kept.error) == (State.PROCESSED, "", "")
    assert generic.incident().title == "disk full"


def test_a_mapping_broken_after_storing_refuses_at_the_job(generic: Sender) -> None:
    generic.post({"title": "x"}, lost=True)
    generic.integration.mapping = {"title": "elsewhere"}
    generic.integration.save()
    clock_moved_by = timedelta(minutes=1)
    Delivery.objects.update(received_at=clock.now() - clock_moved_by)
    generic.sweep()
    assert (generic.delivery().state, generic.delivery().error_field) == (
        State.REFUSED,
        "elsewhere",
    )
    assert not Incident.objects.exists()


def test_an_idempotency_key_makes_two_bodies_one_delivery(generic: Sender) -> None:
    first = generic.post({"title": "x"}, key="k1")
    second = generic.post({"title": "x", "try": 2}, key="k1")
    assert (first.status_code, second.status_code) == (202, 200)
    assert generic.delivery().repeats == 1


def test_another_idempotency_key_makes_the_same_body_another_delivery(generic: Sender) -> None:
    generic.post({"title": "x"}, key="k1")
    assert generic.post({"title": "x"}, key="k2").status_code == 202
    assert Delivery.objects.count() == 2


def test_the_whole_idempotency_key_counts(generic: Sender) -> None:
    stem = "k" * 300
    generic.post({"title": "disk full"}, key=f"{stem}1")
    answer = generic.post({"title": "memory full"}, key=f"{stem}2")
    assert answer.status_code == 202
    assert Incident.objects.count() == 2


def test_two_senders_may_send_the_same_bytes(generic: Sender, alertmanager: Sender) -> None:
    assert generic.post(batch(fired()), key="k").status_code == 422
    assert alertmanager.post(batch(fired()), key="k").status_code == 202


def test_characters_no_database_holds_are_replaced(alertmanager: Sender) -> None:
    odd = fired(
        annotations={"summary": "a\x00b\ud800"}, labels={"service": "pay\x00ments", "x\x00": "\x00"}
    )
    assert alertmanager.post(batch(odd)).status_code == 202
    incident = alertmanager.incident()
    assert incident.title == "HighErrors: a\N{REPLACEMENT CHARACTER}b?"
    assert str(incident.service) == "pay\N{REPLACEMENT CHARACTER}ments"
    assert "\x00" not in str(Alert.objects.get().labels)


def test_alerts_the_sender_left_out_are_told(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired(), truncatedAlerts=12))
    told = alertmanager.incident().events.get(kind=TimelineEvent.Kind.PROBLEM)
    assert told.text == "left 12 more alerts out of a delivery, by its own limit"


def test_what_a_sender_may_send_never_reaches_another_workspace(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired(), over("Old")))
    found = set(Incident.objects.values_list("workspace", flat=True))
    assert found == {alertmanager.integration.workspace_id}
