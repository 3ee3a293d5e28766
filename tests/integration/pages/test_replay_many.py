"""Deliveries replayed together: told first, in the order of arrival, by the proof of each."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, TestCase

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands import replaying
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, AuditEvent, Delivery, Integration, Membership, Workspace
from incidents.permissions import NotPermitted, Role
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

REFUSED = {"state": "refused", "error": "title: expected a text", "error_field": "title"}


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="scripts", kind="generic")


def kept(sender: Integration, number: int, body: object, **fields: object) -> Delivery:
    """The lower the number, the earlier it came."""
    return Delivery.objects.create(
        integration=sender,
        identity=f"{number:064d}",
        body=json.dumps(body).encode(),
        content_type="application/json",
        received_at=clock.now() - timedelta(minutes=100 - number),
        **REFUSED | fields,
    )


def told(number: int, state: str = "firing") -> dict[str, str]:
    return {"title": f"disk {number}", "service": "db", "state": state, "key": f"disk {number}"}


def turn_of(client: Client, query: str) -> str:
    """Replay what the filter shows, and have it read; where that led to."""
    given = dict(part.split("=", 1) for part in query.split("&") if part)
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = client.post("/deliveries/replay/", given)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def replayed(client: Client, query: str) -> list[str]:
    """The same; what the next page says of it."""
    answer = client.get(turn_of(client, query))
    return [str(message) for message in answer.context["messages"]]


def test_it_is_told_how_many_before_anything_is_done(
    as_responder: Client, sender: Integration
) -> None:
    for number in range(3):
        kept(sender, number, told(number))
    shown = as_responder.get("/deliveries/?state=refused").content.decode()
    assert "/deliveries/replay/?state=refused" in shown
    page = as_responder.get("/deliveries/replay/?state=refused").content.decode()
    assert "in the order of arrival" in page
    assert "Replay 3 deliveries" in page
    assert Delivery.objects.filter(state="refused").count() == 3
    said = replayed(as_responder, "state=refused")
    assert said == ["3 deliveries are being read again, in the order of arrival."]
    assert {alert.title for alert in Alert.objects.all()} == {"disk 0", "disk 1", "disk 2"}
    assert AuditEvent.objects.filter(kind="delivery.replayed").count() == 3


def test_only_what_the_filter_shows_is_replayed(
    as_responder: Client, sender: Integration, workspace: Workspace
) -> None:
    other = Integration.objects.create(workspace=workspace, name="other", kind="generic")
    mine, theirs = kept(sender, 1, told(1)), kept(other, 2, told(2), error="zebra")
    aside = kept(sender, 3, told(3), set_aside_at=clock.now())
    read = kept(sender, 4, told(4), state="processed", error="")
    replayed(as_responder, f"integration={sender.pk}")
    states = Delivery.objects.in_bulk([mine.pk, theirs.pk, aside.pk, read.pk])
    assert [states[d.pk].state for d in (mine, theirs, aside)] == ["processed", *["refused"] * 2]
    assert states[read.pk].replayed_at is None
    replayed(as_responder, "q=zebra")
    theirs.refresh_from_db()
    assert theirs.state == "processed"
    replayed(as_responder, "state=set_aside")
    aside.refresh_from_db()
    assert (aside.state, aside.set_aside_at) == ("processed", None)


def test_an_end_does_not_overtake_its_beginning(
    as_responder: Client, sender: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turns of two: the order holds within one and from one to the next."""
    monkeypatch.setattr(replaying, "A_TURN", 2)
    for number, state in enumerate(["firing", "resolved", "firing", "resolved", "firing"]):
        kept(sender, number, told(7, state))
    page = as_responder.get("/deliveries/replay/?state=refused").content.decode()
    assert "<b>3</b> more come after these" in page
    at, turns = turn_of(as_responder, "state=refused"), 1
    while "after=" in at:
        assert "Leave the rest" in as_responder.get(at).content.decode()
        at, turns = turn_of(as_responder, at.split("?")[1]), turns + 1
    assert (at, turns) == ("/deliveries/?state=refused", 3)
    episodes = Alert.objects.order_by("id")
    ended = AlertStatus.RESOLVED
    assert [alert.status == ended for alert in episodes] == [True, True, False]


def test_what_is_refused_anew_does_not_hold_up_what_comes_after_it(
    as_responder: Client, sender: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "A_TURN", 1)
    kept(sender, 1, {"nothing": "here"})
    good = kept(sender, 2, told(2))
    at = turn_of(as_responder, "state=refused")
    page = as_responder.get(at)
    said = [str(message) for message in page.context["messages"]]
    assert said == ["1 delivery was not understood again."]
    turn_of(as_responder, at.split("?")[1])
    good.refresh_from_db()
    assert good.state == "processed"


def _forged(sender: Integration, number: int, **fields: object) -> Delivery:
    given = {"state": "untrusted", "error": "the token is not this integration's"}
    return kept(sender, number, told(number), **given | {"error_field": ""} | fields)


def test_what_is_not_proven_stays_so_and_is_listed_with_the_reason(
    as_responder: Client, sender: Integration
) -> None:
    """Exactly what the replay of one says of each, and nothing becomes trusted by being many."""
    forged = _forged(sender, 1)
    gone = kept(sender, 2, told(2), body_dropped_at=clock.now())
    good = kept(sender, 3, told(3))
    page = as_responder.get("/deliveries/replay/?state=not_read").content.decode()
    assert "2 cannot be read again" in page
    assert "The token it came with is not kept" in page
    assert "Its body was dropped when its keeping time was over" in page
    assert "Replay 1 delivery" in page
    said = replayed(as_responder, "state=not_read")
    assert "2 deliveries cannot be read again." in said
    for row, state in ((forged, "untrusted"), (gone, "refused"), (good, "processed")):
        row.refresh_from_db()
        assert row.state == state
    assert not Alert.objects.filter(title="disk 1").exists()


def test_none_that_one_may_not_be_is_trusted_when_it_is_asked_for_by_its_id(
    sender: Integration, responder: User
) -> None:
    forged = _forged(sender, 1)
    done = replaying.replay_many(ids=[forged.pk], by=responder)
    assert (done.read, done.refused, done.not_read) == (0, 0, 1)
    with pytest.raises(commands.CannotReplay):
        commands.replay(delivery=forged, by=responder)
    forged.refresh_from_db()
    assert (forged.state, forged.replayed_at) == ("untrusted", None)


def test_who_may_not_respond_is_refused(sender: Integration, viewer: User) -> None:
    kept(sender, 1, told(1))
    person = viewer
    client = client_of(person)
    assert "deliveries/replay" not in client.get("/deliveries/?state=refused").content.decode()
    assert client.post("/deliveries/replay/", {"state": "refused"}).status_code == 403
    with pytest.raises(NotPermitted):
        replaying.replay_many(ids=list(Delivery.objects.values_list("pk", flat=True)), by=person)
    assert Delivery.objects.get().state == "refused"


def test_those_of_other_workspaces_are_left_alone(
    as_responder: Client, responder: User, sender: Integration
) -> None:
    """One where this user may only look, and one that is hidden."""
    others = []
    for number, name in enumerate(("looked-at", "hidden")):
        place = make.workspace(name)
        theirs = Integration.objects.create(workspace=place, name=name, kind="generic")
        others.append(kept(theirs, number, told(number)))
    Membership.objects.create(
        workspace=others[0].integration.workspace,
        user=responder,
        role=Group.objects.get(name=Role.VIEWER),
    )
    kept(sender, 5, told(5))
    assert "Replay 1 delivery" in as_responder.get("/deliveries/replay/").content.decode()
    replayed(as_responder, "")
    for other in others:
        other.refresh_from_db()
        assert other.state == "refused"


def test_the_page_asks_as_much_for_many_as_for_one(
    queries_of: Callable[[str], int], sender: Integration
) -> None:
    path = "/deliveries/replay/?state=not_read"
    kept(sender, 1, told(1))
    _forged(sender, 2)
    with_few = queries_of(path), queries_of("/deliveries/?state=not_read")
    for number in range(3, 60, 2):
        kept(sender, number, told(number))
        _forged(sender, number + 1)
    assert (queries_of(path), queries_of("/deliveries/?state=not_read")) == with_few
    assert max(with_few) <= 13
