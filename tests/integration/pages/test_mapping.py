"""The mapping editor: what it would do is seen before it is saved, and what was refused is read."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from incidents.commands.integration import create_integration
from incidents.models import Alert, AuditEvent, Delivery, Integration, Workspace
from tests.integration.pages.conftest import client_of
from tests.integration.pages.test_untrusted import EVIL

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
BODY = {"event": {"what": "disk full", "where": "payments"}, "level": "sev1"}
RIGHT = {"title": "event.what", "service": "event.where", "severity": "level",
         "severity_words": "sev1 = critical"}  # fmt: skip


@pytest.fixture
def as_admin(admin_user: User) -> Client:
    return client_of(admin_user)


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    """One whose body does not fit: it has been refused."""
    made, token = create_integration(workspace=workspace, name="scripts", kind="generic", by=None)
    client = Client(headers={"Authorization": f"Bearer {token}"})
    client.post(f"/hooks/{made.pk}/", json.dumps(BODY), content_type="application/json")
    assert Delivery.objects.get().state == Delivery.State.REFUSED
    return made


def at(sender: Integration) -> str:
    return f"/integrations/{sender.pk}/mapping/"


def looked_at(page: str) -> str:
    (found,) = re.findall(r'name="looked_at"\s+value="(\w+)"', page)
    return str(found)


def look(client: Client, sender: Integration, form: dict[str, str], **more: Any) -> str:
    answer = client.post(at(sender), {**form, "look": "1"}, **more)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_present_mapping_is_tried_before_anything_is_typed(
    as_admin: Client, sender: Integration
) -> None:
    page = as_admin.get(at(sender)).content.decode()
    assert "0 of 1 payloads would be read" in page
    assert "title: expected a text" in page


def test_looking_shows_the_alert_and_changes_nothing(as_admin: Client, sender: Integration) -> None:
    page = look(as_admin, sender, RIGHT)
    assert "1 of 1 payloads would be read" in page
    assert "disk full" in page
    assert ">Critical</span>" in page
    assert ">payments</span>" in page
    sender.refresh_from_db()
    assert sender.mapping == {}
    assert not Alert.objects.exists()
    assert not AuditEvent.objects.filter(kind="integration.changed").exists()


def test_htmx_gets_the_editor_alone(as_admin: Client, sender: Integration) -> None:
    page = look(as_admin, sender, RIGHT, headers=HTMX)
    assert page.lstrip().startswith("<form")
    assert "<html" not in page


def test_what_was_looked_at_is_saved_and_recorded(as_admin: Client, sender: Integration) -> None:
    seen = looked_at(look(as_admin, sender, RIGHT))
    answer = as_admin.post(at(sender), {**RIGHT, "save": "1", "looked_at": seen}, follow=True)
    assert "Replay 1 refused" in answer.content.decode()
    sender.refresh_from_db()
    wanted = {**RIGHT, "severity_words": {"sev1": "critical"}}
    assert sender.mapping == wanted
    event = AuditEvent.objects.get(kind="integration.changed")
    assert (event.before, event.after) == ({"mapping": {}}, {"mapping": wanted})


def test_what_was_not_looked_at_is_shown_instead_of_saved(
    as_admin: Client, sender: Integration
) -> None:
    seen = looked_at(look(as_admin, sender, RIGHT))
    other = {**RIGHT, "title": "event.nothing"}
    for digest in (seen, "", "0" * 64):
        answer = as_admin.post(at(sender), {**other, "save": "1", "looked_at": digest})
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Not saved" in page
        assert "0 of 1 payloads would be read" in page
    sender.refresh_from_db()
    assert sender.mapping == {}


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"title": "event.["}, "title"),
        ({"title": "unheard_of(event)"}, "title"),
        ({"severity_words": "sev1 = dreadful"}, "severity_words"),
        ({"severity_words": "sev1 critical"}, "severity_words"),
    ],
)
def test_what_does_not_compile_is_told_beside_its_field(
    as_admin: Client, sender: Integration, form: dict[str, str], field: str
) -> None:
    answer = as_admin.post(at(sender), {**form, "save": "1"})
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()


def test_after_the_mapping_is_mended_what_was_refused_becomes_an_incident(
    as_admin: Client,
    sender: Integration,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    seen = looked_at(look(as_admin, sender, RIGHT))
    as_admin.post(at(sender), {**RIGHT, "save": "1", "looked_at": seen})
    with django_capture_on_commit_callbacks(execute=True):
        page = as_admin.post(f"/integrations/{sender.pk}/replay/", follow=True).content.decode()
    assert "Read 1 delivery again." in page
    found = Alert.objects.get()
    assert (found.title, found.severity, found.incident is not None) == (
        "disk full", "critical", True,
    )  # fmt: skip
    again = as_admin.post(f"/deliveries/{found.delivery_id}/replay/", follow=True)
    assert "Not read again: it has been read" in again.content.decode()


def test_one_that_still_does_not_fit_is_refused_again(
    as_admin: Client, sender: Integration
) -> None:
    found = Delivery.objects.get()
    page = as_admin.post(f"/deliveries/{found.pk}/replay/", follow=True).content.decode()
    assert "Refused again: title: expected a text" in page


def test_hostile_payloads_and_expressions_stay_words(as_admin: Client, sender: Integration) -> None:
    body = json.dumps({"title": EVIL, "service": EVIL, "key": EVIL})
    Delivery.objects.create(integration=sender, identity="2", body=body.encode())
    sender.mapping = {"title": f"not_null(title, '{EVIL[:25]}')"}
    sender.save()
    for page in (
        as_admin.get(at(sender)).content.decode(),
        as_admin.get(f"/integrations/{sender.pk}/").content.decode(),
    ):
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_sender_with_a_format_of_its_own_has_no_mapping(
    as_admin: Client, workspace: Workspace
) -> None:
    other = Integration.objects.create(workspace=workspace, name="am", kind="alertmanager")
    assert as_admin.get(at(other)).status_code == 404


def test_the_senders_page_shows_a_mapping_of_several_alerts_in_one_body(
    as_admin: Client, sender: Integration
) -> None:
    sender.mapping = {"items": "problems", "title": "what"}
    sender.save(update_fields=["mapping"])
    page = as_admin.get(f"/integrations/{sender.pk}/")
    assert page.status_code == 200
    assert "<code>problems</code>" in page.content.decode()
