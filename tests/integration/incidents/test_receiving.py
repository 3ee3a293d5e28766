"""The order of receiving, and its limits: stored before judged, and no forger in anybody's way."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands import proving, retention
from incidents.commands.integration import BadSetting, change, set_signing_key
from incidents.commands.replaying import replay_all_refused
from incidents.models import Alert, Delivery, Incident, Workspace
from incidents.signals import incident_opened
from tests.fakes.payloads import alertmanager, cloudevents, grafana, own
from tests.fakes.payloads.sent import NOW, Sent
from tests.integration.incidents.doors import Door, door

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def hands() -> Iterator[clock.Hands]:
    with clock.frozen(NOW) as moved:
        yield moved


@pytest.fixture
def at(
    workspace: Workspace,
    admin_user: User,
    hands: clock.Hands,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Callable[[str], Door]:
    return lambda kind: door(workspace, kind, django_capture_on_commit_callbacks, admin_user)


@pytest.fixture
def scripts(at: Callable[[str], Door]) -> Door:
    return at("generic")


class Killed(BaseException):
    """The process dies: nothing after this line runs."""


def killed_after_storing(sender: Door, sent: Sent) -> None:
    """The web process dies at its first statement after the row is there."""
    stored = False

    def die(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal stored
        if stored:
            raise Killed
        done = execute(sql, params, many, context)
        stored = sql.startswith('INSERT INTO "incidents_delivery"')
        return done

    with connection.execute_wrapper(die), pytest.raises(Killed):
        sender.post(sent)
    assert isinstance(connection.cursor(), CursorWrapper)


@pytest.mark.parametrize("kind", ["generic", "alertmanager", "github"])
def test_a_process_that_dies_after_storing_loses_nothing(
    kind: str, at: Callable[[str], Door], hands: clock.Hands
) -> None:
    sender = at(kind)
    sent = {"generic": own.generic(), "alertmanager": alertmanager.firing()}.get(kind)
    if sent is None:
        from tests.fakes.payloads import github  # noqa: PLC0415 - for this kind alone

        sent = github.status()
    killed_after_storing(sender, sent)
    assert sender.states() == [State.STORED]
    hands.advance(seconds=6)
    sender.sweep()
    assert sender.states() == [State.PROCESSED]
    assert sender.post(sent).status_code == 200, "the sender, who was not answered, sends again"
    assert len(sender.deliveries()) == 1


def test_a_forgery_whose_process_dies_is_judged_by_the_job(
    scripts: Door, hands: clock.Hands
) -> None:
    scripts.token = "forged"
    killed_after_storing(scripts, own.generic())
    assert scripts.states() == [State.STORED]
    hands.advance(seconds=6)
    scripts.sweep()
    (kept,) = scripts.deliveries()
    assert (kept.state, kept.headers, Incident.objects.count()) == (State.UNTRUSTED, {}, 0)


def test_nobody_makes_a_true_delivery_a_repeat_of_a_forgery(
    scripts: Door, hands: clock.Hands
) -> None:
    true, scripts.token = scripts.token, "forged"
    killed_after_storing(scripts, own.generic())
    scripts.token = true
    assert scripts.post(own.generic()).status_code == 202
    assert scripts.states() == [State.UNTRUSTED, State.PROCESSED]
    scripts.token = "forged"
    assert scripts.post(own.generic()).status_code == 401
    assert scripts.deliveries()[1].repeats == 0


def test_forgeries_are_few_and_short(scripts: Door, hands: clock.Hands) -> None:
    true, scripts.token = scripts.token, "forged"
    for number in range(55):
        body = json.dumps({"title": number, "more": "x" * (70_000 if number == 54 else 1)})
        assert scripts.post(Sent(body.encode())).status_code == 401
    kept = scripts.deliveries()
    assert len(kept) == proving.UNTRUSTED_KEPT
    assert (len(kept[-1].body), kept[-1].headers) == (64 * 1024, {"airra-cut-from": "70025"})
    for number in range(20):
        assert scripts.post(Sent({"flood": number})).status_code == 401
    newest = bytes(scripts.deliveries()[-1].body)
    assert newest == b'{"flood": 5}', "60 in a minute, and the one that found the end"
    scripts.token = true
    assert scripts.post(own.generic()).status_code == 202
    hands.advance(minutes=1)
    scripts.token = "forged"
    scripts.post(Sent({"flood": "next minute"}))
    assert b"next minute" in bytes(scripts.deliveries()[-1].body)


def test_a_token_cannot_be_judged_again_and_says_so(scripts: Door, responder: User) -> None:
    scripts.token = "forged"
    scripts.post(own.generic())
    (kept,) = scripts.deliveries()
    assert "cannot be judged again" in kept.note
    with pytest.raises(commands.CannotReplay, match="the token it came with is not kept"):
        commands.replay(delivery=kept, by=responder)


def test_a_sender_that_is_too_fast_is_told_when_to_come_back(
    scripts: Door, admin_user: User, hands: clock.Hands
) -> None:
    change(integration=scripts.integration, by=admin_user, rate_per_min=3)
    hands.advance(seconds=20)
    codes = [scripts.post(Sent({"title": str(n)})).status_code for n in range(5)]
    assert codes == [202, 202, 202, 429, 429]
    answer = scripts.post(own.generic())
    assert answer["Retry-After"] == "40"
    assert answer.json()["detail"] == "more than 3 deliveries in a minute: wait 40 s"
    hands.advance(seconds=40)
    assert scripts.post(own.generic()).status_code == 202


def test_a_forger_takes_nothing_of_the_senders_rate(
    scripts: Door, admin_user: User, hands: clock.Hands
) -> None:
    change(integration=scripts.integration, by=admin_user, rate_per_min=2)
    true, scripts.token = scripts.token, "forged"
    for number in range(6):
        assert scripts.post(Sent({"title": str(number)})).status_code == 401
    scripts.token = true
    assert scripts.post(own.generic()).status_code == 202


def test_each_sender_has_its_own_size(scripts: Door, admin_user: User) -> None:
    change(integration=scripts.integration, by=admin_user, max_body_kib=1)
    answer = scripts.post(Sent(b'{"title": "' + b"x" * 1024 + b'"}'))
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "the body is larger than 1 KiB: send fewer alerts at a time",
    )
    assert not Delivery.objects.exists()
    with pytest.raises(BadSetting):
        change(integration=scripts.integration, by=admin_user, max_body_kib=5000)


@pytest.mark.parametrize("depth", [65, 5000, 100_000])
def test_a_body_that_is_too_deep_is_refused_and_kept(scripts: Door, depth: int) -> None:
    deep = b'{"title": ' + b"[" * depth + b"]" * depth + b"}"
    assert scripts.post(Sent(deep)).status_code in {400, 422}
    assert scripts.states() == [State.REFUSED]


def three(kind: str) -> Sent:
    """Three alerts at once."""
    if kind == "cloudevents":
        events = [cloudevents.event(id=str(number), subject=str(number)) for number in range(3)]
        return Sent(events, content_type=cloudevents.BATCH)
    vendor = {"alertmanager": alertmanager, "grafana": grafana}[kind]
    return Sent(vendor.body(*(vendor.alert(fingerprint=str(number)) for number in range(3))))


@pytest.mark.parametrize(
    ("kind", "status"), [("alertmanager", 202), ("grafana", 202), ("cloudevents", 422)]
)
def test_a_delivery_of_too_many_alerts_is_kept_refused_and_read_once_more_are_allowed(
    kind: str, status: int, at: Callable[[str], Door], settings: Settings, responder: User
) -> None:
    sender = at(kind)
    settings.MAX_ALERTS_PER_DELIVERY = 2
    assert sender.post(three(kind)).status_code == status
    (kept,) = sender.deliveries()
    assert (kept.state, Alert.objects.count()) == (State.REFUSED, 0)
    assert "at most 2 alerts in one delivery (group them finer" in kept.error
    assert "AIRRA_MAX_ALERTS_PER_DELIVERY" in kept.error
    assert kept.error.endswith("got 3")
    settings.MAX_ALERTS_PER_DELIVERY = 3
    with sender.run_jobs(execute=True):
        commands.replay(delivery=kept, by=responder)
    assert (sender.states(), Alert.objects.count()) == ([State.PROCESSED], 3)


def test_without_a_bound_all_are_read(at: Callable[[str], Door], settings: Settings) -> None:
    settings.MAX_ALERTS_PER_DELIVERY = 0
    sender = at("alertmanager")
    assert sender.post(three("alertmanager")).status_code == 202
    assert Alert.objects.count() == 3


def test_events_v2_takes_half_a_mebibyte(at: Callable[[str], Door]) -> None:
    body = json.dumps({"routing_key": at("pagerduty_events").token, "more": "x" * 512 * 1024})
    answer = Client().post(reverse("enqueue"), body, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (413, "invalid event")


def test_cloudevents_shakes_hands_first(at: Callable[[str], Door]) -> None:
    address = reverse("hook", args=[at("cloudevents").integration.pk])
    asked = {"WebHook-Request-Origin": "eventemitter.example.com", "WebHook-Request-Rate": "120"}
    answer = Client(headers=asked).options(address)
    assert (answer.status_code, answer["Allow"]) == (200, "POST")
    assert answer["WebHook-Allowed-Origin"] == "eventemitter.example.com"
    assert answer["WebHook-Allowed-Rate"] == "3000"
    assert Client().options(address).status_code == 405
    other = reverse("hook", args=[at("generic").integration.pk])
    assert Client(headers=asked).options(other).status_code == 405


def fail(**_: Any) -> None:
    msg = "a defect of ours\x00"
    raise KeyError(msg)


def test_one_poisoned_delivery_is_tried_five_times_and_blocks_nobody(
    scripts: Door, hands: clock.Hands, responder: User
) -> None:
    incident_opened.connect(fail)
    try:
        assert scripts.post(Sent({"title": "poison", "service": "a"})).status_code == 202
        for _ in range(5):
            hands.advance(seconds=6)
            scripts.sweep()
    finally:
        incident_opened.disconnect(fail)
    assert scripts.post(Sent({"title": "fine", "service": "b"})).status_code == 202
    poisoned, fine = scripts.deliveries()
    assert (poisoned.state, poisoned.attempts, fine.state) == (State.FAILED, 5, State.PROCESSED)
    assert poisoned.error == "KeyError: 'a defect of ours\\x00'"
    assert [alert.title for alert in scripts.alerts()] == ["fine"], "nothing half done"
    with scripts.run_jobs(execute=True):
        commands.replay(delivery=poisoned, by=responder)
    assert scripts.states() == [State.PROCESSED, State.PROCESSED]


def test_a_delivery_that_kills_its_worker_is_given_up(scripts: Door, hands: clock.Hands) -> None:
    scripts.post(own.generic(), lost=True)
    Delivery.objects.update(attempts=5)
    hands.advance(seconds=6)
    scripts.sweep()
    (kept,) = scripts.deliveries()
    assert (kept.state, kept.error) == (
        State.FAILED,
        "given up after 5 attempts: the worker died each time it was read",
    )


def test_what_was_refused_is_read_again_by_the_mended_mapping(
    scripts: Door, admin_user: User
) -> None:
    for number in range(3):
        assert scripts.post(Sent({"event": f"disk {number}"})).status_code == 422
    change(integration=scripts.integration, by=admin_user, mapping={"title": "event"})
    scripts.integration.refresh_from_db()
    with scripts.run_jobs(execute=True):
        done = replay_all_refused(integration=scripts.integration, by=admin_user)
    assert (done.read, done.refused, Alert.objects.count()) == (3, 0, 3)
    assert {found.replayed_by for found in scripts.deliveries()} == {admin_user}


def test_after_their_time_bodies_go_and_rows_that_nobody_names(
    scripts: Door, hands: clock.Hands, settings: Settings, responder: User
) -> None:
    settings.DELIVERY_KEPT_DAYS = 30
    scripts.post(own.generic())
    scripts.post(Sent({"no": "title"}))
    scripts.post(Sent({"title": "waits"}), lost=True)
    hands.advance(days=29)
    assert retention.drop_old() == 0
    hands.advance(days=2)
    retention.drop_old()
    named, waits = scripts.deliveries()
    assert (bytes(named.body), named.headers, named.body_dropped_at) == (b"", {}, clock.now())
    assert (waits.state, bytes(waits.body)) == (State.STORED, b'{"title": "waits"}')
    assert retention.drop_old() == 0
    with pytest.raises(commands.CannotReplay):
        commands.replay(delivery=named, by=responder)


def test_what_comes_faster_than_one_batch_a_minute_goes_too(
    scripts: Door, hands: clock.Hands, settings: Settings
) -> None:
    settings.DELIVERY_KEPT_DAYS = 30
    Delivery.objects.bulk_create(
        Delivery(
            integration=scripts.integration,
            identity=str(number),
            body=b"{}",
            state=State.PROCESSED,
        )
        for number in range(2100)
    )
    hands.advance(days=31)
    cache.clear()
    retention.tend()
    assert not Delivery.objects.exists()


def test_a_web_process_forgets_a_revoked_secret_within_a_second(
    scripts: Door, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SENDERS_KEPT_S = 1.0
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert scripts.post(Sent({"title": "1"})).status_code == 202
    scripts.integration.secrets.update(expires_at=clock.now() - timedelta(seconds=1))
    assert scripts.post(Sent({"title": "2"})).status_code == 202
    now += 1.0
    assert scripts.post(Sent({"title": "3"})).status_code == 401


def test_a_signing_key_of_another_installation_proves_nothing(
    scripts: Door, admin_user: User, settings: Settings
) -> None:
    scripts.key = set_signing_key(integration=scripts.integration, by=admin_user)
    settings.PAYLOAD_KEY = "changed since"
    assert scripts.post(own.generic()).status_code == 403
