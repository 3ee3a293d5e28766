"""Every format at its own address: sent and proven as its vendor does it, and read from the row.

CloudWatch over SNS needs a certificate that is fetched: its deliveries are walked with the trust.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from incidents.commands.integration import create_integration, set_signing_key
from incidents.ingest.trust.signatures import sign
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, ChangeEvent, Delivery, Integration, Workspace
from incidents.permissions import Role
from tests.factories import incidents as make
from tests.fakes.payloads import cloudevents, github, own, pagerduty, sentry
from tests.fakes.payloads.sent import NOW, Sent
from tests.unit.incidents.formats.vendors import VENDORS, Vendor

pytestmark = pytest.mark.django_db
KEY = "a key that a vendor made up"
SENT_AT = int(NOW.timestamp())
SIGNED: dict[str, Callable[[str], dict[str, str]]] = {
    "pagerduty": lambda mark: {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={mark}"},
    "sentry": lambda mark: {"Sentry-Hook-Signature": mark},
    "github": lambda mark: {"X-Hub-Signature-256": f"sha256={mark}"},
}
ASKED = [vendor for vendor in VENDORS if vendor.kind != "cloudwatch_sns"]


@dataclass
class Address:
    """One sender, and what posts to it as its vendor would."""

    integration: Integration
    secret: str
    run_jobs: DjangoCaptureOnCommitCallbacks

    def post(self, sent: Sent, **more: str) -> Any:
        kind, headers = self.integration.kind, {**sent.headers, **more}
        raw, path = sent.raw, reverse("hook", args=[self.integration.pk])
        if kind in SIGNED:
            headers |= SIGNED[kind](sign(self.secret.encode(), raw))
        elif kind == "pagerduty_events":
            raw = raw.replace(b"samplekeyhere", self.secret.encode())
            path = "/v2/change/enqueue" if sent.channel else "/v2/enqueue"
        else:
            headers["Authorization"] = f"Bearer {self.secret}"
        with self.run_jobs(execute=True):
            return Client(headers=headers).post(path, raw, content_type=sent.content_type)


@pytest.fixture
def noon() -> Iterator[clock.Hands]:
    with clock.frozen(NOW) as hands:
        yield hands


@pytest.fixture
def admin() -> User:
    return make.person(Role.ADMIN)


@pytest.fixture
def address(
    workspace: Workspace,
    admin: User,
    noon: clock.Hands,
    request: pytest.FixtureRequest,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Address:
    """Of the kind the test is asked for."""
    kind = request.param
    made, secret = create_integration(workspace=workspace, name=kind, kind=kind, by=admin)
    if kind in SIGNED:
        secret = set_signing_key(integration=made, by=admin, key=KEY)
    return Address(made, secret, django_capture_on_commit_callbacks)


def fresh(sent: Sent) -> Sent:
    """Signed and sent just now: Sentry's stamp has to be."""
    if "sentry-hook-timestamp" not in sent.headers:
        return sent
    headers = dict(sent.headers) | {"sentry-hook-timestamp": str(SENT_AT)}
    return Sent(sent.body, headers, sent.content_type, sent.channel)


both = pytest.mark.parametrize(
    ("address", "vendor"),
    [(vendor.kind, vendor) for vendor in ASKED],
    indirect=["address"],
    ids=[vendor.kind for vendor in ASKED],
)


@both
def test_an_alert_begins_is_told_again_and_ends(address: Address, vendor: Vendor) -> None:
    assert address.post(fresh(vendor.firing)).status_code == 202
    (begun,) = Alert.objects.all()
    assert (begun.status, str(begun.service)) == (AlertStatus.FIRING, vendor.service)
    assert begun.severity == vendor.severity

    again = address.post(fresh(vendor.firing))
    assert again.status_code in (200, 202)
    assert Delivery.objects.get().repeats == 1

    assert address.post(fresh(vendor.resolved)).status_code == 202
    (ended,) = Alert.objects.all()
    assert (ended.pk, ended.status) == (begun.pk, AlertStatus.RESOLVED)
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.PROCESSED}


@both
def test_a_field_that_is_wrong_is_kept_with_its_name(address: Address, vendor: Vendor) -> None:
    path, field = vendor.required[-1]
    address.post(fresh(vendor.firing.but(path, ["wrong"])))
    (kept,) = Delivery.objects.all()
    assert (kept.state, kept.error_field) == (Delivery.State.REFUSED, field)
    assert not Alert.objects.exists()


@both
def test_hostile_text_is_stored_and_is_text(address: Address, vendor: Vendor) -> None:
    hostile = "a\x00b\ud800 <script>alert(1)</script>"
    assert address.post(fresh(vendor.titled(hostile))).status_code == 202
    assert "<script>alert(1)</script>" in Alert.objects.get().title


@pytest.mark.parametrize("address", ["changes"], indirect=True)
def test_changes_are_kept_once_and_named(address: Address) -> None:
    body = {"changes": [own.change(), own.change(id="x", service="cart")]}
    assert address.post(Sent(body)).status_code == 202
    assert address.post(Sent(own.change())).status_code == 202
    found = ChangeEvent.objects.order_by("dedup_key")
    assert [(c.dedup_key, str(c.service)) for c in found] == [
        ("deploy-42", "payments"),
        ("x", "cart"),
    ]


@pytest.mark.parametrize("address", ["pagerduty_events"], indirect=True)
def test_a_change_for_pagerduty_is_a_change_here_and_its_key_is_not_kept(address: Address) -> None:
    assert address.post(pagerduty.change()).status_code == 202
    assert str(ChangeEvent.objects.get().service) == "payments"
    assert address.secret.encode() not in bytes(Delivery.objects.get().body)


@pytest.mark.parametrize("address", ["github"], indirect=True)
def test_the_states_of_a_deployment_are_one_change(address: Address) -> None:
    for sent in (github.ping(), github.deployment(), github.status("in_progress"), github.status()):
        assert address.post(sent).status_code == 202
    assert address.post(github.status()).status_code == 200, "GitHub delivers it again"
    (change,) = ChangeEvent.objects.all()
    assert (change.kind, str(change.service), change.actor) == ("deploy", "payments", "octocat")
    notes = list(Delivery.objects.exclude(note="").values_list("note", flat=True))
    assert notes == ["GitHub's ping: the webhook reaches AIRRA"]


@pytest.mark.parametrize("address", ["sentry"], indirect=True)
def test_an_alert_rule_of_sentry_ends_with_its_issue(address: Address) -> None:
    for sent in (sentry.event_alert(), sentry.issue("assigned"), sentry.issue("resolved")):
        assert address.post(fresh(sent)).status_code == 202
    assert Alert.objects.get().status == AlertStatus.RESOLVED


@pytest.mark.parametrize("address", ["cloudevents"], indirect=True)
def test_a_binary_event_is_read_from_the_headers_that_were_kept(address: Address) -> None:
    assert address.post(cloudevents.binary()).status_code == 202
    assert address.post(cloudevents.structured()).status_code == 200, "the same event otherwise"
    assert Alert.objects.get().title == "disk is full"
