"""The stop: found on every page, one sentence and one click; and the banner while it is on."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.models import AuditEvent, Incident, Workspace
from remediation.models import KillSwitch
from tests.factories import incidents as make
from tests.factories import remediation

pytestmark = pytest.mark.django_db
STOP = "/stop/"
ALL = "default|all|"


@pytest.fixture
def here(story: Incident) -> Workspace:
    place = story.workspace
    place.slug = "default"
    place.save()
    return place


def switch(here: Workspace, **fields: object) -> KillSwitch:
    values = {"scope": "all", "reason": "looks wrong", "actor": "ana", **fields}
    return KillSwitch.objects.create(workspace=here, **values)


def test_one_sentence_and_one_click_stop_everything(here: Workspace, as_responder: Client) -> None:
    answer = as_responder.get(STOP)
    form = answer.context["form"]
    first = form.fields["what"].choices[0]
    assert first == (ALL, "Everything")
    answer = as_responder.post(STOP, {"what": ALL, "reason": "payments looks wrong"}, follow=True)
    assert answer.status_code == 200
    stopped = KillSwitch.objects.get()
    assert (stopped.workspace, stopped.scope, stopped.reason) == (
        here,
        "all",
        "payments looks wrong",
    )
    assert "Stopped: everything." in answer.content.decode()
    assert AuditEvent.objects.filter(kind="kill_switch.on").count() == 1


def test_a_reason_is_needed(here: Workspace, as_responder: Client) -> None:
    answer = as_responder.post(STOP, {"what": ALL, "reason": ""})
    assert answer.status_code == 422
    assert not KillSwitch.objects.exists()


def test_a_viewer_sees_what_is_stopped_and_cannot_stop(here: Workspace, as_viewer: Client) -> None:
    switch(here)
    text = as_viewer.get(STOP).content.decode()
    assert "looks wrong" in text
    assert "Stop now" not in text
    assert "needs the role approver" in text
    assert as_viewer.post(STOP, {"what": ALL, "reason": "x"}).status_code == 403


def test_the_places_of_others_cannot_be_stopped(here: Workspace, as_responder: Client) -> None:
    make.workspace("elsewhere")
    for what in ("elsewhere|all|", "*|all|", "default|galaxy|"):
        assert as_responder.post(STOP, {"what": what, "reason": "x"}).status_code == 422
    assert not KillSwitch.objects.exists()


@pytest.mark.parametrize("path", ["/incidents/", "/approvals/", "/services/", STOP])
def test_every_page_says_that_it_is_stopped(here: Workspace, as_viewer: Client, path: str) -> None:
    assert "AIRRA is stopped" not in as_viewer.get(path).content.decode()
    switch(here, reason="<b>looks wrong</b>")
    text = as_viewer.get(path).content.decode()
    assert "AIRRA is stopped: everything" in text
    assert "&lt;b&gt;looks wrong&lt;/b&gt;" in text


def test_the_stop_of_another_workspace_is_not_told(here: Workspace, as_viewer: Client) -> None:
    switch(make.workspace("elsewhere"))
    assert "AIRRA is stopped" not in as_viewer.get("/incidents/").content.decode()
    KillSwitch.objects.create(workspace=None, scope="all", reason="drill", actor="root (shell)")
    text = as_viewer.get("/incidents/").content.decode()
    assert "AIRRA is stopped: everything</b> by root (shell)" in text


def test_the_file_is_told_too(
    here: Workspace, as_viewer: Client, settings: object, tmp_path: object
) -> None:
    path = tmp_path / "KILL"  # type: ignore[operator]  # a Path
    path.write_text("disk is full")
    settings.KILL_FILE = path  # type: ignore[attr-defined]  # pytest-django's settings
    text = as_viewer.get(STOP).content.decode()
    assert "disk is full" in text
    assert "whoever removes the file" in text


def test_an_approver_lets_it_go_on_with_a_reason(
    here: Workspace, as_approver: Client, as_responder: Client
) -> None:
    path = f"/stop/{switch(here).pk}/end/"
    assert as_responder.post(path, {"reason": "fine"}).status_code == 403
    assert as_approver.post(path, {"reason": " "}).status_code == 409
    assert KillSwitch.objects.on().exists()
    text = as_approver.post(path, {"reason": "was nothing"}, follow=True).content.decode()
    assert not KillSwitch.objects.on().exists()
    assert "Goes on: everything." in text
    assert "Earlier stops" in text
    assert as_approver.post(path, {"reason": "again"}).status_code == 409
    assert as_approver.get(path).status_code == 405


def test_stopping_needs_a_token_against_forgery(here: Workspace, responder: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(responder)
    assert client.post(STOP, {"what": ALL, "reason": "x"}).status_code == 403


def test_freeze_windows_are_listed_while_they_matter(here: Workspace, as_viewer: Client) -> None:
    remediation.freeze(here)
    assert "new data centre" not in as_viewer.get(STOP).content.decode()
    remediation.freeze(here, reason="weekends", is_weekly=True)
    text = as_viewer.get(STOP).content.decode()
    assert "weekends" in text
    assert "every week" in text
