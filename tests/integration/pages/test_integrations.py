"""Integrations: added in two steps, the secret shown once, and their standing in words."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from incidents.commands.integration import create_integration, set_signing_key
from incidents.ingest.guides import GUIDES
from incidents.ingest.snippets import HIDDEN
from incidents.models import AuditEvent, Delivery, Integration, Workspace
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

LIMITS = {"heartbeat_min": "", "rate_per_min": "3000", "max_body_kib": "4096"}


@pytest.fixture
def as_admin(admin_user: User) -> Client:
    return client_of(admin_user)


def given(workspace: Workspace, **changed: str) -> dict[str, str]:
    return {"workspace": str(workspace.pk), "name": "pager", **LIMITS, **changed}


def row_of(page: str, name: str) -> str:
    rows: list[str] = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    (found,) = [row for row in rows if f">{name}</a>" in row]
    return found


def test_the_secret_is_shown_once_and_opens_the_door(
    as_admin: Client, workspace: Workspace
) -> None:
    answer = as_admin.post("/integrations/add/?kind=generic", given(workspace))
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    page = answer.content.decode()
    (token,) = set(re.findall(r"airra_in_[\w-]+", page))
    made = Integration.objects.get()
    assert f"/hooks/{made.pk}/" in page
    path = f"/integrations/{made.pk}/"
    assert token not in as_admin.get(path).content.decode()
    assert AuditEvent.objects.get(kind="integration.created").target == "pager"
    sent = Client(headers={"Authorization": f"Bearer {token}"}).post(
        f"/hooks/{made.pk}/", '{"title": "disk full"}', content_type="application/json"
    )
    assert sent.status_code == 202


def test_a_name_that_is_taken_is_told_beside_the_field(
    as_admin: Client, workspace: Workspace
) -> None:
    as_admin.post("/integrations/add/?kind=generic", given(workspace))
    again = as_admin.post("/integrations/add/?kind=alertmanager", given(workspace))
    assert again.status_code == 422
    assert 'id="id_name_error"' in again.content.decode()
    assert Integration.objects.count() == 1


def test_an_unknown_kind_leads_back_to_the_choice(as_admin: Client) -> None:
    page = as_admin.get("/integrations/add/?kind=carrier-pigeon").content.decode()
    assert "Who delivers?" in page
    offered = set(re.findall(r'href="\?kind=(\w+)"', page))
    assert offered == set(Integration.Kind.values) - {"otlp"}


def test_the_list_tells_every_standing_apart(as_viewer: Client, workspace: Workspace) -> None:
    now = clock.now()
    standings: dict[str, dict[str, Any]] = {
        "fresh": {},
        "well": {"last_seen_at": now},
        "away": {"is_active": False},
        "mute": {"last_seen_at": now, "silent_since": now - timedelta(hours=3)},
    }
    for name, fields in standings.items():
        Integration.objects.create(workspace=workspace, name=name, kind="generic", **fields)
    broken = Integration.objects.create(
        workspace=workspace, name="broken", kind="generic", last_seen_at=now
    )
    Delivery.objects.create(integration=broken, identity="1", body=b"{", state="refused")
    Delivery.objects.create(
        integration=broken,
        identity="2",
        body=b"{",
        state="refused",
        received_at=now - timedelta(hours=25),
    )
    page = as_viewer.get("/integrations/").content.decode()
    words = {
        "fresh": "Nothing came yet",
        "well": "Delivers",
        "away": "Paused",
        "mute": "Silent",
        "broken": "Not all read",
    }
    for name, word in words.items():
        assert f">{word}</span>" in row_of(page, name), name
    assert ">3 h</time>" in row_of(page, "mute")
    assert "1<span" in row_of(page, "broken")
    assert "1 not read" in row_of(page, "broken")


def test_what_is_elsewhere_is_not_listed(as_viewer: Client, workspace: Workspace) -> None:
    there = make.workspace("elsewhere")
    other = Integration.objects.create(workspace=there, name="theirs", kind="generic")
    assert "theirs" not in as_viewer.get("/integrations/").content.decode()
    assert as_viewer.get(f"/integrations/{other.pk}/").status_code == 404


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    made, _ = create_integration(workspace=workspace, name="scripts", kind="generic", by=None)
    return made


def test_a_new_token_is_shown_once_and_the_old_one_holds_a_while(
    as_admin: Client, sender: Integration
) -> None:
    answer = as_admin.post(f"/integrations/{sender.pk}/token/", {"overlap_h": "2"})
    (token,) = set(re.findall(r"airra_in_[\w-]+", answer.content.decode()))
    assert "no-store" in answer.headers["Cache-Control"]
    page = as_admin.get(f"/integrations/{sender.pk}/").content.decode()
    assert token not in page
    assert "expires in" in page
    assert sender.secrets.filter(expires_at__isnull=True).count() == 1


def test_a_revoked_secret_is_over_at_once(as_admin: Client, sender: Integration) -> None:
    secret = sender.secrets.get()
    path = f"/integrations/secrets/{secret.pk}/revoke/"
    assert "never used" in as_admin.get(path).content.decode()
    as_admin.post(path)
    secret.refresh_from_db()
    assert secret.expires_at is not None
    assert secret.expires_at <= clock.now()


def test_a_signing_key_is_brought_or_made(as_admin: Client, sender: Integration) -> None:
    path = f"/integrations/{sender.pk}/key/"
    made = as_admin.post(path, {"overlap_h": "0"}).content.decode()
    assert "This is the only time the secret is shown" in made
    assert "Signing key" in made
    assert "X-Airra-Signature" in made
    assert "Bearer" not in made, "a key that signs is never sent along"
    page = as_admin.get(f"/integrations/{sender.pk}/").content.decode()
    assert "Authorization: Bearer" not in page, "a token is not enough any more"
    brought = as_admin.post(path, {"overlap_h": "0", "key": "a key of theirs"}, follow=True)
    assert "a key of theirs" not in brought.content.decode()
    short = as_admin.post(path, {"overlap_h": "0", "key": "x"})
    assert short.status_code == 422
    assert 'id="id_key_error"' in short.content.decode()


def test_pausing_closes_the_door_and_resuming_opens_it(
    as_admin: Client, sender: Integration
) -> None:
    path = f"/integrations/{sender.pk}/switch/"
    assert "Paused" in as_admin.post(path, {"to": "off"}, follow=True).content.decode()
    assert Client().post(f"/hooks/{sender.pk}/").status_code == 404
    as_admin.post(path, {"to": "on"})
    assert Client().post(f"/hooks/{sender.pk}/").status_code == 401
    changed = AuditEvent.objects.filter(kind="integration.changed").order_by("pk")
    assert [event.after for event in changed] == [{"is_active": False}, {"is_active": True}]


def test_limits_are_changed_and_recorded(
    as_admin: Client, workspace: Workspace, sender: Integration
) -> None:
    form = {"name": "scripts", "heartbeat_min": "15", "rate_per_min": "60", "max_body_kib": "9"}
    as_admin.post(f"/integrations/{sender.pk}/change/", form)
    sender.refresh_from_db()
    assert (sender.heartbeat_min, sender.rate_per_min, sender.max_body_kib) == (15, 60, 9)
    Integration.objects.create(workspace=workspace, name="taken", kind="generic")
    answer = as_admin.post(f"/integrations/{sender.pk}/change/", {**form, "name": "taken"})
    assert answer.status_code == 422
    assert 'id="id_name_error"' in answer.content.decode()


def test_topics_of_sns_are_asked_for_and_checked(as_admin: Client, workspace: Workspace) -> None:
    path = "/integrations/add/?kind=cloudwatch_sns"
    wrong = as_admin.post(path, given(workspace, topics="https://example.org"))
    assert 'id="id_topics_error"' in wrong.content.decode()
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    page = as_admin.post(path, given(workspace, topics=topic)).content.decode()
    assert f"--topic-arn {topic}" in page
    assert "only time" not in page, "there is no secret to show"


@pytest.mark.parametrize("kind", sorted(GUIDES))
def test_every_kind_can_be_added_and_says_what_to_do(
    as_admin: Client, workspace: Workspace, kind: str
) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:alarms"
    path = f"/integrations/add/?kind={kind}"
    assert as_admin.get(path).status_code == 200
    answer = as_admin.post(path, given(workspace, topics=topic))
    how = answer.context["how"]
    assert how.steps
    assert how.address.startswith("http://127.0.0.1:8000/")
    assert "{" not in "".join(how.steps)
    made = Integration.objects.get()
    assert bool(how.secret) == (how.guide.proof in {"token", "routing key", "secret"})
    assert as_admin.get(f"/integrations/{made.pk}/").status_code == 200
    for snippet in how.snippets:
        assert HIDDEN not in snippet.text, snippet.title


def test_revoking_the_last_key_says_that_the_token_is_enough_again(
    as_admin: Client, workspace: Workspace, admin_user: User
) -> None:
    made, _ = create_integration(workspace=workspace, name="shop", kind="generic", by=admin_user)
    set_signing_key(integration=made, by=admin_user)
    told = {
        secret.use: as_admin.get(f"/integrations/secrets/{secret.pk}/revoke/").content.decode()
        for secret in made.secrets.all()
    }
    assert "the token is enough again" in told["signing"]
    assert "the token is enough again" not in told["token"]
