"""Polling is conditional: nothing new answers 304, a change answers the part again."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.commands import incident as commands
from incidents.models import Incident, TimelineEvent
from remediation.models import Approval
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db


def poll(client: Client, path: str, tag: str = "") -> tuple[int, str]:
    """One poll as hx-ptag sends it; the status and the tag of the answer."""
    answer = client.get(path, headers={"HX-Request": "true", "HX-PTag": tag})
    return answer.status_code, answer.headers.get("HX-PTag", tag)


@pytest.mark.parametrize(
    "path",
    ["/incidents/rows/", "/rail/?at=incidents", "/approvals/live/", "/incidents/INC-1/live/"],
)
def test_nothing_new_is_304(as_viewer: Client, story: Incident, path: str) -> None:
    assert story.key == "INC-1"
    status, tag = poll(as_viewer, path)
    assert status == 200
    assert tag
    assert poll(as_viewer, path, tag) == (304, tag)


def test_the_page_carries_the_tag_its_poll_would_get(as_viewer: Client, story: Incident) -> None:
    """Otherwise every page would fetch itself again five seconds after it was opened."""
    for page, live in (
        ("/incidents/", "/incidents/rows/"),
        (f"/incidents/{story.key}/", f"/incidents/{story.key}/live/"),
        ("/approvals/", "/approvals/live/"),
    ):
        _, tag = poll(as_viewer, live)
        assert f'hx-ptag="{tag}"' in as_viewer.get(page).content.decode(), page


def test_a_new_event_answers_the_incident_again(as_viewer: Client, story: Incident) -> None:
    path = f"/incidents/{story.key}/live/"
    _, tag = poll(as_viewer, path)
    make.event(story, TimelineEvent.Kind.NOTE, "something happened")
    assert poll(as_viewer, path, tag)[0] == 200


def test_a_new_incident_answers_the_list_and_the_rail_again(as_viewer: Client) -> None:
    tags = {path: poll(as_viewer, path)[1] for path in ("/incidents/rows/", "/rail/")}
    make.incident()
    assert {poll(as_viewer, path, tag)[0] for path, tag in tags.items()} == {200}


def test_a_decision_answers_queue_and_drawer_again(
    as_viewer: Client, story: Incident, approver: User
) -> None:
    approval = Approval.objects.get(plan__incident=story)
    paths = ("/approvals/live/", f"/approvals/{approval.pk}/decision/")
    tags = {path: poll(as_viewer, path)[1] for path in paths}
    Approval.objects.filter(pk=approval.pk).update(
        state="rejected", decided_by=approver, decided_at=approval.requested_at
    )
    assert {poll(as_viewer, path, tag)[0] for path, tag in tags.items()} == {200}


def test_the_next_steps_follow_the_state(as_responder: Client, responder: User) -> None:
    about = make.incident()
    path = f"/incidents/{about.key}/live/"
    headers = {"HX-Request": "true"}
    assert "Acknowledge" in as_responder.get(path, headers=headers).content.decode()
    commands.acknowledge(incident=about, by=responder)
    text = as_responder.get(path, headers=headers).content.decode()
    assert f"/incidents/{about.key}/acknowledge/" not in text
    assert 'hx-target="#steps"' in text
