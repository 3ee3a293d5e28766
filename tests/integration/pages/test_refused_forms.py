"""What a form refuses is summed up once, told beside its field, and what was typed stays."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.commands.integration import create_integration
from incidents.models import Delivery, Workspace
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db


def test_a_refused_form_leads_to_its_fields(as_responder: Client, workspace: Workspace) -> None:
    """The summary takes the focus: it is read out, and Tab finds its links first."""
    form = {
        "reason": "Move of the archive",
        "kind": "silence",
        "matchers": "no sign in it",
        "lasts": "own",
        "workspace": workspace.pk,
    }
    answer = as_responder.post("/silences/new/", form)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "autofocus" in page
    for field in ("id_matchers", "id_ends_at"):
        assert page.count(f'href="#{field}"') == 1
        assert page.count(f'id="{field}_error"') == 1
    assert 'value="Move of the archive"' in page


def test_a_form_that_was_not_sent_takes_no_focus(as_responder: Client) -> None:
    assert "autofocus" not in as_responder.get("/silences/new/").content.decode()


def test_a_refused_delivery_names_its_field_once(
    as_responder: Client, workspace: Workspace
) -> None:
    made, token = create_integration(workspace=workspace, name="scripts", kind="generic", by=None)
    sender = Client(headers={"Authorization": f"Bearer {token}"})
    sender.post(f"/hooks/{made.pk}/", json.dumps({"no": 1}), content_type="application/json")
    page = as_responder.get(f"/deliveries/{Delivery.objects.get().pk}/").content.decode()
    assert page.count("title: expected a text") == 1
    assert "Field:" not in page


def test_a_wrong_expression_is_told_without_the_name_that_is_its_label(
    admin_user: User, workspace: Workspace
) -> None:
    made, _ = create_integration(workspace=workspace, name="scripts", kind="generic", by=None)
    at = f"/integrations/{made.pk}/mapping/"
    page = client_of(admin_user).post(at, {"title": "event.["}).content.decode()
    assert "Expected a JMESPath expression" in page
    assert "mapping.title" not in page


def test_a_word_in_a_list_is_told_by_its_place(admin_user: User, workspace: Workspace) -> None:
    made, _ = create_integration(workspace=workspace, name="scripts", kind="generic", by=None)
    at = f"/integrations/{made.pk}/mapping/"
    page = client_of(admin_user).post(at, {"severity_words": "sev1 = loud"}).content.decode()
    assert "mapping.severity_words." in page.lower()


def test_without_a_script_a_live_page_says_that_it_is_not(as_viewer: Client) -> None:
    assert "Not live: " in as_viewer.get("/alerts/").content.decode()
