"""Integrations: added in two steps, the secret shown once, and their standing in words."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
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
    assert "1 in" in row_of(page, "broken")
    assert "1 not read" in row_of(page, "broken")


def test_what_is_elsewhere_is_not_listed(as_viewer: Client, workspace: Workspace) -> None:
    there = make.workspace("elsewhere")
    other = Integration.objects.create(workspace=there, name="theirs", kind="generic")
    assert "theirs" not in as_viewer.get("/integrations/").content.decode()
    assert as_viewer.get(f"/integrations/{other.pk}/").status_code == 404
