"""Saved views: each list has its own, a name replaces only what it names there."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client

from incidents.models import SavedView, Workspace
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

Page = SavedView.Page
SAVE = {Page.INCIDENTS: "/incidents/views/save/", Page.ALERTS: "/alerts/views/save/"}
LIST = {Page.INCIDENTS: "/incidents/", Page.ALERTS: "/alerts/"}
ASKED = "view=all&q=disk full&severity=high"


def _names(client: Client, page: Page) -> list[str]:
    return [view.name for view in client.get(LIST[page]).context["saved_views"]]


def _saved(client: Client, page: Page, name: str, asked: str = ASKED) -> str:
    """Through the form that the page gives for what it shows; where that led to."""
    form = client.get(f"{SAVE[page]}?{asked}").context["form"]
    answer = client.post(SAVE[page], {"name": name, "query": form.initial["query"]})
    return str(answer.headers["Location"])


@pytest.mark.parametrize("page", Page)
def test_what_the_list_shows_is_saved_and_opened_again(as_viewer: Client, page: Page) -> None:
    assert f"{SAVE[page]}?view=all" in as_viewer.get(f"{LIST[page]}?view=all").content.decode()
    assert _saved(as_viewer, page, "disks") == LIST[page]
    text = as_viewer.get(LIST[page]).content.decode()
    assert "?view=all&amp;q=disk+full&amp;severity=high" in text
    view = SavedView.objects.get()
    filters = as_viewer.get(f"{LIST[page]}?{view.query}").context["filters"]
    assert (filters.view, filters.q, filters.severity) == ("all", "disk full", "high")


def test_the_same_name_is_another_view_on_the_other_list(as_viewer: Client) -> None:
    for page in Page:
        _saved(as_viewer, page, "mine")
        _saved(as_viewer, page, "mine", "view=all&q=later")
    assert SavedView.objects.count() == 2
    assert {view.query for view in SavedView.objects.all()} == {"view=all&q=later"}
    _saved(as_viewer, Page.ALERTS, "quiet")
    assert _names(as_viewer, Page.ALERTS) == ["mine", "quiet"]
    assert _names(as_viewer, Page.INCIDENTS) == ["mine"]


def test_one_name_is_one_view_in_the_database(workspace: Workspace, viewer: User) -> None:
    given = {"workspace": workspace, "owner": viewer, "name": "mine", "page": Page.ALERTS}
    SavedView.objects.create(**given)
    SavedView.objects.create(**given | {"page": Page.INCIDENTS})
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedView.objects.create(**given)


def test_only_what_the_list_knows_is_saved(as_viewer: Client) -> None:
    for page in Page:
        sent = {"name": "odd", "query": "view=nonsense&severity=none&next=//evil.example&q=x"}
        as_viewer.post(SAVE[page], sent)
    assert {v.query for v in SavedView.objects.all()} == {"view=open&q=x", "view=live&q=x"}


def test_a_view_is_its_owners_until_it_is_shared_with_its_workspace(
    as_viewer: Client, workspace: Workspace, viewer: User, responder: User
) -> None:
    given = {"workspace": workspace, "owner": responder, "page": Page.ALERTS, "query": "view=all"}
    private = SavedView.objects.create(name="private", **given)
    shared = SavedView.objects.create(name="shared", is_shared=True, **given)
    elsewhere = given | {"workspace": make.workspace("elsewhere")}
    SavedView.objects.create(name="of others", is_shared=True, **elsewhere)
    assert _names(as_viewer, Page.ALERTS) == ["shared"]
    assert "Remove the view shared" not in as_viewer.get("/alerts/").content.decode()
    assert as_viewer.post(f"/incidents/views/{shared.pk}/delete/").status_code == 404
    gone = client_of(responder).post(f"/incidents/views/{private.pk}/delete/")
    assert gone.headers["Location"] == "/alerts/"
    assert not SavedView.objects.filter(pk=private.pk).exists()


def test_views_cost_the_list_no_query_more(
    queries_of: Callable[[str], int], workspace: Workspace, approver: User
) -> None:
    before = queries_of("/alerts/")
    for number in range(30):
        SavedView.objects.create(
            workspace=workspace, owner=approver, page=Page.ALERTS, name=f"{number:02}", query="q=x"
        )
    assert queries_of("/alerts/") == before <= 12
