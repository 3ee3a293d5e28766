"""Deliveries: listed with their reason, their body for responders alone, never as markup."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from incidents.models import AuditEvent, Delivery, Incident, Integration, Workspace
from tests.factories import incidents as make
from tests.integration.pages.test_untrusted import EVIL

pytestmark = pytest.mark.django_db

MANY = 200


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="scripts", kind="generic")


def delivered(sender: Integration, number: int = 0, **fields: object) -> Delivery:
    given = {"body": b'{"title": "x"}', "state": Delivery.State.PROCESSED, **fields}
    return Delivery.objects.create(integration=sender, identity=f"{number:064d}", **given)


def test_the_list_asks_the_same_few_questions(
    queries_of: Callable[[str], int], sender: Integration
) -> None:
    about = make.incident()
    make.alert(about)
    delivered(sender)
    paths = ("/deliveries/", "/integrations/", f"/integrations/{sender.pk}/")
    with_one = [queries_of(path) for path in paths]
    for number in range(1, MANY):
        delivered(sender, number)
        make.alert(about)
    assert [queries_of(path) for path in paths] == with_one
    assert max(with_one) <= 14


def test_pages_follow_one_another_without_a_gap(as_viewer: Client, sender: Integration) -> None:
    made = {delivered(sender, number).pk for number in range(120)}
    seen: list[object] = []
    query: str | None = ""
    while query is not None:
        answer = as_viewer.get(f"/deliveries/?{query}")
        seen += [row.delivery.pk for row in answer.context["rows"]]
        query = answer.context["next"] or None
    assert len(seen) == 120
    assert seen == sorted(made, reverse=True), "the newest stands first"


def test_filters_narrow_the_list(as_viewer: Client, sender: Integration) -> None:
    other = Integration.objects.create(workspace=sender.workspace, name="other", kind="generic")
    wrong = delivered(
        sender, 1, state="refused", error="title: expected a text", error_field="title"
    )
    delivered(sender, 2)
    theirs = delivered(other, 3, state="refused", error="not JSON")

    def listed(query: str) -> list[object]:
        rows = as_viewer.get(f"/deliveries/?{query}").context["rows"]
        return [row.delivery.pk for row in rows]

    assert listed(f"integration={sender.pk}&state=refused") == [wrong.pk]
    assert listed("state=refused") == [theirs.pk, wrong.pk]
    assert listed("state=not_read") == [theirs.pk, wrong.pk]
    assert listed("q=not json") == [theirs.pk]
    assert listed("q=title") == [wrong.pk]
    assert len(listed("state=nonsense&integration=nonsense&before=nonsense")) == 3
    assert "Nothing matches" in as_viewer.get("/deliveries/?q=zebra").content.decode()


def test_the_refused_of_one_sender_are_replayed_from_its_list_by_who_may_respond(
    as_viewer: Client, as_responder: Client, sender: Integration
) -> None:
    delivered(sender, 1, state="refused", error="title: expected a text", error_field="title")
    path = f"/deliveries/?integration={sender.pk}"
    named = 'Replay 1<span class="brief"> refused of scripts</span>'
    assert named in as_responder.get(path).content.decode()
    assert "Replay 1" not in as_responder.get("/deliveries/").content.decode()
    assert "Replay 1" not in as_viewer.get(path).content.decode()


def test_what_nobody_will_ever_read_is_set_aside_and_asks_no_more(
    as_responder: Client, sender: Integration, responder: User
) -> None:
    wrong = {"state": "refused", "error": "title: expected a text", "error_field": "title"}
    first, second = (delivered(sender, number, **wrong) for number in (1, 2))
    its_page, page = f"/integrations/{sender.pk}/", f"/deliveries/{first.pk}/"
    assert "2 deliveries were not understood" in as_responder.get(its_page).content.decode()

    as_responder.post(f"{page}set-aside/")
    shown = as_responder.get(page).content.decode()
    assert "set-aside/" not in shown, "it is offered once"
    assert "by remi" in shown
    assert "1 delivery was not understood" in as_responder.get(its_page).content.decode()

    as_responder.post(f"{its_page}set-aside/")
    assert "not understood" not in as_responder.get(its_page).content.decode()
    row = as_responder.get(its_page).context["row"]
    assert (row.came, row.not_read, row.standing) == (2, 0, "waiting")
    listed = [
        [row.delivery.pk for row in as_responder.get(f"/deliveries/?state={state}").context["rows"]]
        for state in ("not_read", "set_aside", "refused")
    ]
    assert listed == [[], [second.pk, first.pk], [second.pk, first.pk]]
    told = AuditEvent.objects.filter(kind="delivery.set_aside").order_by("pk")
    assert [event.actor for event in told] == [responder.username] * 2


def test_what_was_set_aside_and_is_read_again_asks_again_where_it_is_refused(
    as_responder: Client, sender: Integration
) -> None:
    found = delivered(sender, 1, body=b"{}", state="refused", error="title: expected a text")
    as_responder.post(f"/deliveries/{found.pk}/set-aside/")
    as_responder.post(f"/deliveries/{found.pk}/replay/")
    found.refresh_from_db()
    assert (found.state, found.set_aside_at, found.set_aside_by) == ("refused", None, None)


def test_what_was_read_cannot_be_set_aside(as_responder: Client, sender: Integration) -> None:
    found = delivered(sender)
    assert "set-aside" not in as_responder.get(f"/deliveries/{found.pk}/").content.decode()
    as_responder.post(f"/deliveries/{found.pk}/set-aside/")
    found.refresh_from_db()
    assert found.set_aside_at is None
    assert not AuditEvent.objects.filter(kind="delivery.set_aside").exists()


def test_a_viewer_sees_what_became_of_it_and_not_the_body(
    as_viewer: Client, as_responder: Client, sender: Integration
) -> None:
    found = delivered(
        sender,
        body=b'{"password": "hunter2"}',
        headers={"x-key": "abc"},
        state="refused",
        error="title: expected a text",
        error_field="title",
    )
    path = f"/deliveries/{found.pk}/"
    page = as_viewer.get(path).content.decode()
    assert "title: expected a text" in page
    assert "hunter2" not in page
    assert "abc" not in page
    assert as_viewer.get(f"{path}body/").status_code == 403
    full = as_responder.get(path).content.decode()
    assert "hunter2" in full
    assert "abc" in full


def test_a_body_is_text_whatever_it_holds(as_responder: Client, sender: Integration) -> None:
    evil = f'{{"title": "{EVIL[:25]}"}}'.encode()
    found = delivered(sender, body=evil, state="refused", error=EVIL, error_field=EVIL, note="")
    path = f"/deliveries/{found.pk}/"
    for at in (path, "/deliveries/", f"/integrations/{sender.pk}/"):
        page = as_responder.get(at).content.decode()
        assert "<script>alert" not in page, at
        assert "<img src=x" not in page, at
    answer = as_responder.get(f"{path}body/")
    assert answer.content == evil
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\x00{",
        b"[" * 100_000,
        b'{"a": "' + b"x" * 200_000 + b'"}',
        b"",
        b"[" + b"1," * 30_000 + b"1]",
    ],
)
def test_any_body_can_be_shown_and_a_large_one_is_cut(
    as_responder: Client, sender: Integration, body: bytes
) -> None:
    found = delivered(sender, body=body, state="refused", error="expected JSON")
    answer = as_responder.get(f"/deliveries/{found.pk}/")
    assert answer.status_code == 200
    shown = answer.context["body"]
    assert shown.size == len(body)
    assert len(shown.text) <= 64 * 1024
    assert shown.is_cut == (len(body) > 64 * 1024 or body.startswith(b"[1,"))


def test_it_leads_to_what_it_became(as_viewer: Client) -> None:
    about: Incident = make.incident()
    alert = make.alert(about, title="High memory")
    page = as_viewer.get(f"/deliveries/{alert.delivery_id}/").content.decode()
    assert "High memory" in page
    assert f"/incidents/{about.key}/" in page
    assert about.key in as_viewer.get("/deliveries/").content.decode()
