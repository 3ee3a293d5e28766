"""Every format through its own door: proven, stored, answered, read; forged, stale and rotated."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands.integration import revoke_secret, rotate_token, set_signing_key
from incidents.commands.replaying import Replayed, replay_many
from incidents.ingest.trust.judge import ONLY_SIGNED, SIGNABLE
from incidents.models import Alert, ChangeEvent, Delivery, Incident, Workspace
from tests.fakes.payloads import github, own, pagerduty
from tests.fakes.payloads.sent import NOW, Sent
from tests.fakes.signers import UNIX
from tests.integration.incidents.doors import Door, door
from tests.unit.incidents.formats.vendors import VENDORS, Vendor

pytestmark = pytest.mark.django_db
State = Delivery.State
KINDS = [vendor.kind for vendor in VENDORS]
FIRING = {vendor.kind: vendor.firing for vendor in VENDORS} | {"github": github.status()}
BROUGHT = "as the sender shows it"  # some make their key themselves, and take no other
by_vendor = pytest.mark.parametrize("vendor", VENDORS, ids=KINDS)


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


@by_vendor
def test_firing_opens_and_resolved_ends(vendor: Vendor, at: Callable[[str], Door]) -> None:
    sender = at(vendor.kind)
    assert sender.post(vendor.firing).status_code == 202
    (alert,) = sender.alerts()
    assert (str(alert.service), alert.severity) == (vendor.service, vendor.severity)
    assert sender.post(vendor.resolved).status_code == 202
    assert sender.states() == [State.PROCESSED, State.PROCESSED]
    assert {found.status for found in sender.alerts()} == {Alert.Status.RESOLVED}


@by_vendor
def test_the_same_delivery_again_is_a_repeat(vendor: Vendor, at: Callable[[str], Door]) -> None:
    sender = at(vendor.kind)
    sender.post(vendor.firing)
    again = sender.post(vendor.firing)
    assert again.status_code == (202 if vendor.kind == "pagerduty_events" else 200)
    (kept,) = sender.deliveries()
    assert (kept.repeats, Alert.objects.count()) == (1, 1)


@by_vendor
def test_what_is_stored_holds_no_secret(vendor: Vendor, at: Callable[[str], Door]) -> None:
    sender = at(vendor.kind)
    sender.post(vendor.firing)
    (kept,) = sender.deliveries()
    held = f"{bytes(kept.body)!r} {kept.headers} {kept.error} {kept.note}"
    for secret in filter(None, (sender.token, sender.key)):
        assert secret not in held


@by_vendor
def test_a_job_that_was_lost_is_found_by_the_sweep(
    vendor: Vendor, at: Callable[[str], Door], hands: clock.Hands
) -> None:
    sender = at(vendor.kind)
    assert sender.post(vendor.firing, lost=True).status_code == 202
    assert (sender.states(), Incident.objects.count()) == ([State.STORED], 0)
    hands.advance(seconds=6)
    sender.sweep()
    assert (sender.states(), Incident.objects.count()) == ([State.PROCESSED], 1)


@pytest.mark.parametrize("kind", sorted(SIGNABLE))
def test_a_forged_signature_is_kept_apart_and_read_after_its_key_is_mended(
    kind: str, at: Callable[[str], Door], admin_user: User
) -> None:
    sender = at(kind)
    sender.key = set_signing_key(integration=sender.integration, by=admin_user, key=BROUGHT)
    answer = sender.post(FIRING[kind], key="another key altogether")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "its signature fits no key of this integration",
    )
    (kept,) = sender.deliveries()
    assert (kept.state, kept.note, Incident.objects.count()) == (State.UNTRUSTED, "", 0)
    with pytest.raises(commands.CannotReplay, match="still not proven"):
        commands.replay(delivery=kept, by=admin_user)
    set_signing_key(integration=sender.integration, by=admin_user, key="another key altogether")
    with sender.run_jobs(execute=True):
        commands.replay(delivery=commands_delivery(kept), by=admin_user)
    assert sender.states() == [State.PROCESSED]


def test_what_no_key_fitted_is_read_together_once_the_key_is_there(
    at: Callable[[str], Door], admin_user: User
) -> None:
    """Each is judged by itself: one of a third key stays what it is among them."""
    sender = at("generic")
    sender.key = set_signing_key(integration=sender.integration, by=admin_user)
    for key in ("mended", "mended", "of a third"):
        assert sender.post(FIRING["generic"], key=f"another key, {key}").status_code == 403
    ids = [kept.pk for kept in sender.deliveries()]
    assert replay_many(ids=ids, by=admin_user) == Replayed(not_read=3)
    set_signing_key(integration=sender.integration, by=admin_user, key="another key, mended")
    with sender.run_jobs(execute=True):
        assert replay_many(ids=ids, by=admin_user) == Replayed(read=2, not_read=1)
    assert sorted(sender.states()) == [State.PROCESSED, State.PROCESSED, State.UNTRUSTED]


def commands_delivery(kept: Delivery) -> Delivery:
    """Read anew, as a page would."""
    return Delivery.objects.select_related("integration__workspace").get(pk=kept.pk)


@pytest.mark.parametrize("kind", ["generic", "grafana", "sentry"])
def test_a_stale_signature_is_refused_and_stays_refused(
    kind: str, at: Callable[[str], Door], admin_user: User, hands: clock.Hands
) -> None:
    sender = at(kind)
    sender.key = set_signing_key(integration=sender.integration, by=admin_user, key=BROUGHT)
    assert sender.post(FIRING[kind], at=UNIX - 301).status_code == 403
    hands.advance(minutes=-5)
    with pytest.raises(commands.CannotReplay, match="301 s before"):
        commands.replay(delivery=commands_delivery(sender.deliveries()[0]), by=admin_user)


@pytest.mark.parametrize("kind", sorted(SIGNABLE))
def test_a_key_is_rotated_without_a_gap(
    kind: str, at: Callable[[str], Door], admin_user: User, hands: clock.Hands
) -> None:
    sender = at(kind)
    new = "a newer key of its own"
    old = set_signing_key(integration=sender.integration, by=admin_user, key=BROUGHT)
    set_signing_key(integration=sender.integration, by=admin_user, key=new, overlap_h=1)
    body = FIRING[kind]
    assert sender.post(body, key=old).status_code == 202
    hands.advance(minutes=61)
    late = UNIX + 61 * 60
    expired = sender.post(_told_at(body, late), key=old, at=late)
    assert expired.status_code == 403
    assert expired.json()["detail"] == "it is signed with a key that has run out"
    assert sender.post(_told_at(body, late), key=new, at=late).status_code in {200, 202}


def _told_at(sent: Sent, at: int) -> Sent:
    """Sentry's own time stamp, which its payload carries, moved along."""
    if "sentry-hook-timestamp" not in sent.headers:
        return sent
    return Sent(sent.body, {**sent.headers, "sentry-hook-timestamp": str(at)}, sent.content_type)


@pytest.mark.parametrize("kind", ["alertmanager", "datadog", "eventbridge", "cloudevents"])
def test_a_token_is_rotated_and_revoked(
    kind: str, at: Callable[[str], Door], admin_user: User, hands: clock.Hands
) -> None:
    sender = at(kind)
    old, new = sender.token, rotate_token(integration=sender.integration, by=admin_user)
    assert sender.post(FIRING[kind]).status_code == 202
    secret = sender.integration.secrets.get(expires_at__isnull=False)
    assert secret.last_used_at == clock.now(), "so that one sees when nobody uses it any more"
    revoke_secret(secret=secret, by=admin_user)
    answer = sender.post(FIRING[kind])
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("the token has run out")
    sender.token = new
    assert sender.post(FIRING[kind]).status_code == 200
    assert old != new


@pytest.mark.parametrize("kind", sorted(SIGNABLE - ONLY_SIGNED))
def test_once_there_is_a_key_the_token_does_not_open(
    kind: str, at: Callable[[str], Door], admin_user: User
) -> None:
    sender = at(kind)
    assert sender.post(FIRING[kind]).status_code == 202
    set_signing_key(integration=sender.integration, by=admin_user)
    answer = sender.post(FIRING[kind])
    assert answer.status_code == 403
    assert "Bearer" not in answer.json()["detail"], "or people send the key as a token"
    assert "signing key" in answer.json()["detail"]
    assert sender.states()[-1] == State.UNTRUSTED


@pytest.mark.parametrize(
    "kind", ["grafana", "datadog", "cloudwatch_sns", "eventbridge", "pagerduty", "sentry", "github"]
)
def test_a_vendor_is_answered_2xx_and_what_was_wrong_is_listed(
    kind: str, at: Callable[[str], Door]
) -> None:
    sender = at(kind)
    broken = _broken(kind)
    assert sender.post(broken).status_code == 202
    (kept,) = sender.deliveries()
    assert kept.state == State.REFUSED
    assert kept.error


def _broken(kind: str) -> Sent:
    whole = FIRING[kind]
    if kind == "cloudwatch_sns":
        return whole.but(("Message",), "no JSON at all")
    return Sent(b"[1, 2", whole.headers, whole.content_type)


def test_a_deployment_is_a_change(at: Callable[[str], Door]) -> None:
    assert at("github").post(github.status()).status_code == 202
    change = ChangeEvent.objects.get()
    assert (change.actor, change.url) == ("octocat", "https://ci.example/runs/7")


def test_a_script_tells_a_change_and_is_told_what_is_wrong(at: Callable[[str], Door]) -> None:
    sender = at("changes")
    assert sender.post(Sent(own.change())).status_code == 202
    assert ChangeEvent.objects.count() == 1
    assert sender.post(Sent({})).status_code in {400, 422}


def test_events_v2_is_a_drop_in(at: Callable[[str], Door]) -> None:
    sender = at("pagerduty_events")
    told = sender.post(pagerduty.event())
    assert (told.status_code, told.json()) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": "disk/prod-db-1"},
    )
    unnamed = sender.post(pagerduty.event(summary="another").but(("dedup_key",), ...)).json()
    assert unnamed["dedup_key"] == Alert.objects.get(title="another").dedup_key
    assert sender.post(pagerduty.change()).json()["status"] == "success"
    assert ChangeEvent.objects.count() == 1
    wrong = sender.post(pagerduty.event("explode"))
    assert (wrong.status_code, wrong.json()["status"]) == (400, "invalid event")
    assert "event_action" in wrong.json()["errors"][0]
    assert sender.states()[-1] == State.REFUSED


@pytest.mark.parametrize("key", ["", "wrong", 7, None, "\x00", "é" * 32])
def test_an_unknown_routing_key_is_nobodys(at: Callable[[str], Door], key: Any) -> None:
    sender = at("pagerduty_events")
    sender.token = key
    answer = sender.post(pagerduty.event())
    assert (answer.status_code, answer.json()["status"]) == (400, "invalid event")
    assert not Delivery.objects.exists()


def test_a_routing_key_written_with_escapes_is_not_stored_either(at: Callable[[str], Door]) -> None:
    sender = at("pagerduty_events")
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in sender.token)
    raw = sender.addressed(pagerduty.event()).raw.replace(sender.token.encode(), escaped.encode())
    with sender.run_jobs(execute=True):
        answer = Client().post("/v2/enqueue", raw, content_type="application/json")
    assert answer.status_code == 202
    kept = bytes(sender.deliveries()[0].body)
    assert escaped.encode() not in kept
    assert sender.token.encode() not in kept
