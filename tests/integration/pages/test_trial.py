"""A test alert goes the whole way: proven by the sender's own secret, an incident, and its end."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from incidents.commands import delivery as deliveries
from incidents.commands import integration as integrations
from incidents.commands import trial
from incidents.ingest.samples import TESTABLE, TITLE
from incidents.lifecycle import State
from incidents.models import Alert, AuditEvent, Delivery, Integration, Workspace

pytestmark = pytest.mark.django_db

KEY = "a key of their making"
THEIR_KEY = ("pagerduty", "sentry")


def sender(workspace: Workspace, kind: str, admin: User) -> Integration:
    made, _ = integrations.create_integration(
        workspace=workspace,
        name=kind,
        kind=kind,
        by=None,
        topics=["arn:aws:sns:eu-west-1:123456789012:alarms"],
    )
    if kind in THEIR_KEY:
        integrations.set_signing_key(integration=made, by=admin, key=KEY)
    return made


@pytest.mark.parametrize("kind", sorted(TESTABLE))
def test_it_fires_and_ends_like_any_alert(
    kind: str,
    workspace: Workspace,
    responder: User,
    admin_user: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    made = sender(workspace, kind, admin_user)
    with django_capture_on_commit_callbacks(execute=True):
        fired = trial.fire(integration=made, by=responder).delivery
    alert = Alert.objects.get()
    assert (alert.delivery, alert.title.endswith(TITLE)) == (fired, True)
    assert alert.incident is not None
    used = [secret.last_used_at is not None for secret in made.secrets.all()]
    assert used == ([] if kind == "cloudwatch_sns" else [True]), "its own secret proved it"
    with django_capture_on_commit_callbacks(execute=True):
        trial.end(fired=fired, by=responder)
    alert.refresh_from_db()
    assert alert.status == Alert.Status.RESOLVED
    alert.incident.refresh_from_db()
    assert alert.incident.state == State.RESOLVED
    assert AuditEvent.objects.filter(kind="integration.tested").count() == 2


def test_a_generic_sender_that_signs_is_tested_with_its_key(
    workspace: Workspace, responder: User, admin_user: User
) -> None:
    made = sender(workspace, "generic", admin_user)
    integrations.set_signing_key(integration=made, by=admin_user, key=KEY)
    assert trial.fire(integration=made, by=responder).untrusted is None
    assert made.secrets.get(use="signing").last_used_at is not None


def test_without_a_secret_it_is_not_trusted(workspace: Workspace, responder: User) -> None:
    made, _ = integrations.create_integration(
        workspace=workspace, name="pd", kind="pagerduty", by=None
    )
    assert trial.fire(integration=made, by=responder).untrusted is not None
    assert Delivery.objects.get().state == Delivery.State.UNTRUSTED
    assert not Alert.objects.exists()


@pytest.mark.parametrize("kind", ["changes", "github"])
def test_a_sender_of_changes_has_no_test_alert(
    kind: str, workspace: Workspace, responder: User, admin_user: User
) -> None:
    with pytest.raises(trial.CannotTry):
        trial.fire(integration=sender(workspace, kind, admin_user), by=responder)
    assert not Delivery.objects.exists()


def test_only_a_test_is_ended(as_responder: Client, workspace: Workspace, admin_user: User) -> None:
    made = sender(workspace, "generic", admin_user)
    other = Delivery.objects.create(integration=made, identity="1", body=b"{}", state="processed")
    page = as_responder.post(f"/deliveries/{other.pk}/end/", follow=True).content.decode()
    assert "No end: this delivery is no test." in page


def test_its_page_shows_what_becomes_of_it(
    as_responder: Client,
    workspace: Workspace,
    admin_user: User,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    made = sender(workspace, "generic", admin_user)
    answer = as_responder.post(f"/integrations/{made.pk}/test/")
    path = answer.headers["Location"]
    before = as_responder.get(f"{path}live/")
    assert "Waits to be read" in before.content.decode()
    found = Delivery.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        deliveries.process(delivery_id=str(found.pk))
    tag = before.headers["HX-PTag"]
    after = as_responder.get(f"{path}live/", headers={"HX-PTag": tag})
    page = after.content.decode()
    assert "INC-1" in page
    assert "Send the end of the test" in page
    same = as_responder.get(f"{path}live/", headers={"HX-PTag": after.headers["HX-PTag"]})
    assert same.status_code == 304
