"""Every page answers; what is not allowed says so; what fails leaves the rest standing."""

import re
from typing import Any

import pytest
from django.test import Client

from airra.lib import clock
from analysis.models import Connector
from incidents.lifecycle import State
from incidents.models import Incident
from remediation.models import Approval
from tests.factories import analysis, remediation
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def paths_of(story: Incident) -> list[str]:
    approval = Approval.objects.get(plan__incident=story)
    detector = analysis.detector("memory")
    incident = f"/incidents/{story.key}/"
    return [
        "/incidents/",
        "/incidents/?view=all&q=latency&severity=high&state=open&owner=none&service=payments",
        "/incidents/rows/",
        "/incidents/views/save/",
        incident,
        f"{incident}live/",
        f"{incident}signals/",
        f"{incident}signals.json?range=6h",
        *(f"{incident}evidence/{seq}/" for seq in range(1, 6)),
        "/approvals/",
        "/approvals/live/",
        f"/approvals/{approval.pk}/",
        f"/approvals/{approval.pk}/decision/",
        "/services/",
        "/services/payments/",
        "/detectors/",
        f"/detectors/{detector.pk}/",
        "/sources/",
        f"/sources/{detector.connector.pk}/",
        "/audit/",
        "/audit/?q=a&actor=b&kind=incident",
        "/audit.csv",
        "/account/",
        "/rail/?at=incidents",
    ]


def test_a_viewer_sees_every_page(as_viewer: Client, story: Incident) -> None:
    answers = {path: as_viewer.get(path).status_code for path in paths_of(story)}
    assert set(answers.values()) == {200}, answers


def test_a_detector_that_never_ran_is_not_called_well(as_viewer: Client) -> None:
    analysis.detector("fresh", query="fresh", last_run_at=None)
    page = as_viewer.get("/detectors/").content.decode()
    assert ">Not run yet</span>" in page
    assert ">Ok</span>" not in page


def test_a_stranger_sees_none(story: Incident) -> None:
    stranger = Client()
    for path in paths_of(story):
        answer = stranger.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/accounts/login/"), path


def test_somebody_without_a_workspace_finds_nothing(story: Incident) -> None:
    client = Client()
    client.force_login(make.person(None))
    assert client.get(f"/incidents/{story.key}/").status_code == 404
    assert story.title not in client.get("/incidents/").content.decode()


@pytest.mark.parametrize("state", list(State))
def test_an_incident_in_any_state(as_viewer: Client, state: State) -> None:
    other = make.incident(title="the other")
    fields: dict[str, Any] = {"merged_into": other} if state is State.MERGED else {}
    about = make.incident(state=state, about=make.service("payments"), **fields)
    answer = as_viewer.get(f"/incidents/{about.key}/")
    assert answer.status_code == 200
    assert str(state).replace("_", " ").capitalize() in answer.content.decode()


def test_a_viewer_is_told_which_role_it_needs(as_viewer: Client, story: Incident) -> None:
    answer = as_viewer.get(f"/incidents/{story.key}/resolve/")
    assert answer.status_code == 403
    assert "responder" in answer.content.decode()


def test_the_second_to_acknowledge_is_told_when(as_responder: Client, as_approver: Client) -> None:
    about = make.incident()
    path = f"/incidents/{about.key}/acknowledge/"
    assert as_approver.post(path).status_code == 302
    answer = as_responder.post(path)
    assert answer.status_code == 409
    assert "Somebody else was faster." in answer.content.decode()
    assert "It happened <time" in answer.content.decode()


def test_reopening_beside_a_newer_incident_is_refused_in_words(as_responder: Client) -> None:
    ended = make.incident(state=State.RESOLVED, grouping_key="same")
    newer = make.incident(grouping_key="same")
    answer = as_responder.post(f"/incidents/{ended.key}/reopen/", {"reason": "it is back"})
    assert answer.status_code == 409
    assert f"{newer.key} is open for the same thing" in answer.content.decode()


def test_an_htmx_request_gets_the_part_it_asked_for(as_viewer: Client, story: Incident) -> None:
    for path, mark in (
        ("/incidents/rows/", 'id="incident-rows"'),
        (f"/incidents/{story.key}/live/", 'id="incident-live"'),
        ("/approvals/live/", 'id="approval-queue"'),
        ("/rail/?at=incidents", 'id="rail-nav"'),
    ):
        text = as_viewer.get(path, headers=HTMX).content.decode()
        assert mark in text, path
        assert "<html" not in text, path


def test_a_note_by_htmx_answers_a_fresh_form(as_responder: Client, story: Incident) -> None:
    path = f"/incidents/{story.key}/notes/"
    answer = as_responder.post(path, {"text": "seen"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Trigger"]
    assert "<html" not in answer.content.decode()
    empty = as_responder.post(path, {"text": ""}, headers=HTMX)
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.content.decode()


def test_a_service_may_have_any_name(as_viewer: Client) -> None:
    """Names come from labels: a slash in one must not take the pages down."""
    for name in ("team/payments", "a b", "50%", "50%2F", "ünïcode?x=1#y"):
        about = make.incident(about=make.service(name))
        assert as_viewer.get(f"/incidents/{about.key}/").status_code == 200
        listed = as_viewer.get("/services/").content.decode()
        (path,) = set(
            re.findall(r'href="(/services/[^"]+)" data-row-link>' + re.escape(name), listed)
        )
        assert name in as_viewer.get(path).content.decode()


def test_a_failing_source_is_named_while_the_page_stands(
    as_viewer: Client, story: Incident
) -> None:
    Connector.objects.update(url="http://127.0.0.1:9")
    page = as_viewer.get(f"/incidents/{story.key}/")
    assert page.status_code == 200
    table = as_viewer.get(f"/incidents/{story.key}/signals/").content.decode()
    assert "Retry" in table
    assert "Last good answer" in table
    (chart,) = as_viewer.get(f"/incidents/{story.key}/signals.json").json()["charts"]
    assert "127.0.0.1:9" in chart["error"]
    assert chart["values"] == []


def test_a_failed_investigation_is_said_while_the_page_stands(as_viewer: Client) -> None:
    about = make.incident(state=State.ANALYSING)
    analysis.investigation(about, state="failed", error="the reasoner did not answer", outcome="")
    text = as_viewer.get(f"/incidents/{about.key}/").content.decode()
    assert "The investigation stopped: the reasoner did not answer" in text
    assert "Timeline" in text


def test_an_expired_request_says_so(as_approver: Client) -> None:
    about = make.incident(state=State.AWAITING_APPROVAL, about=make.service("payments"))
    remediation.approval(remediation.plan(about), expires_at=clock.now())
    text = as_approver.get("/approvals/").content.decode()
    assert ">expired " in text
    assert "ask for a new dry run" in text
