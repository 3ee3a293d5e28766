"""Sources: their health in words, a test that really asks, and settings only admins may change."""

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from airra.lib import clock
from analysis.commands import connector as commands
from analysis.models import Connector
from incidents.models import AuditEvent
from tests.contract.connectors.fakes import FakeBackends
from tests.factories import analysis
from tests.factories import incidents as make
from tests.integration.pages.conftest import client_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def as_admin(admin_user: User) -> Client:
    return client_of(admin_user)


@pytest.fixture
def answering(httpserver: HTTPServer) -> Connector:
    fake = FakeBackends(httpserver)
    fake.metrics.put("up", lambda _: 1.0, service="payments")
    return analysis.connector(name="alive", url=fake.url, last_ok_at=None)


def given(**changed: Any) -> dict[str, Any]:
    return {
        "workspace": str(make.workspace().pk),
        "kind": "prometheus",
        "name": "prom",
        "url": "http://prometheus:9090",
        "tenant": "",
        "secret_ref": "",
        "timeout_s": "5",
        "is_enabled": "on",
        "save": "1",
        **changed,
    }


def row_of(page: str, name: str) -> str:
    rows: list[str] = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    (found,) = [row for row in rows if f">{name}</a>" in row]
    return found


def test_the_list_tells_every_health_apart(as_viewer: Client) -> None:
    now = clock.now()
    analysis.connector(name="well")
    analysis.connector(name="fresh", last_ok_at=None)
    analysis.connector(name="away", is_enabled=False)
    analysis.connector(
        name="dead",
        failing_since=now - timedelta(hours=3),
        last_error="connection refused",
        last_error_at=now,
    )
    page = as_viewer.get("/sources/").content.decode()
    words = {"well": "Answers", "fresh": "Not tried yet", "away": "Off", "dead": "Failing"}
    for name, word in words.items():
        assert f">{word}</span>" in row_of(page, name), name
    assert "connection refused" in row_of(page, "dead")
    assert ">3 h</time>" in row_of(page, "dead")
    assert page.index(">dead<") < page.index(">away<"), "what fails stands first"


def test_a_source_that_answered_after_its_last_failure_is_well(as_viewer: Client) -> None:
    now = clock.now()
    analysis.connector(
        name="back", last_error="broke", last_error_at=now - timedelta(hours=1), last_ok_at=now
    )
    assert ">Answers</span>" in row_of(as_viewer.get("/sources/").content.decode(), "back")


def test_testing_asks_the_source_and_notes_the_answer(
    as_responder: Client, answering: Connector
) -> None:
    later = clock.now() + timedelta(hours=1)
    Connector.objects.update(failing_since=clock.now(), failures=4, next_try_at=later)
    answer = as_responder.post(f"/sources/{answering.pk}/test/")
    assert answer.status_code == 200
    assert "Prometheus answers: 1 targets, 1 up" in answer.content.decode()
    answering.refresh_from_db()
    assert answering.last_ok_at is not None
    known = (answering.failing_since, answering.failures, answering.next_try_at)
    assert known == (None, 0, None), "the next scan asks it again"
    (event,) = AuditEvent.objects.filter(kind="connector.tested")
    assert event.after == {"answers": True}


def test_testing_names_the_error_and_what_to_do(as_responder: Client) -> None:
    dead = analysis.connector(name="dead", url=NOWHERE)
    text = as_responder.post(f"/sources/{dead.pk}/test/").content.decode()
    assert "Check the address and port" in text
    dead.refresh_from_db()
    assert "cannot connect" in dead.last_error
    since = dead.failing_since
    assert since is not None
    as_responder.post(f"/sources/{dead.pk}/test/")
    dead.refresh_from_db()
    assert dead.failing_since == since, "the first failure is when it began"


def test_a_slow_source_is_waited_for_no_longer_than_its_time_out(
    as_responder: Client, httpserver: HTTPServer
) -> None:
    asked, released = threading.Event(), threading.Event()

    def stall(_: Request) -> Response:
        asked.set()
        released.wait(5)
        return Response("{}")

    httpserver.expect_request(re.compile("/api/v1/query.*")).respond_with_handler(stall)
    slow = analysis.connector(name="slow", url=httpserver.url_for(""), timeout_s=0.3)
    text = as_responder.post(f"/sources/{slow.pk}/test/").content.decode()
    released.set()
    assert asked.is_set()
    assert "no whole answer within 0.3 s" in text
    assert "give it a longer time-out" in text


def test_testing_by_htmx_answers_the_part_that_changed(
    as_responder: Client, answering: Connector
) -> None:
    answer = as_responder.post(f"/sources/{answering.pk}/test/", headers=HTMX)
    text = answer.content.decode()
    assert 'id="source-state"' in text
    assert "<html" not in text


def test_a_viewer_may_not_test(as_viewer: Client, answering: Connector) -> None:
    assert as_viewer.post(f"/sources/{answering.pk}/test/").status_code == 403
    assert ">Test</button>" not in as_viewer.get(f"/sources/{answering.pk}/").content.decode()


def test_only_admins_connect_and_change(as_approver: Client, answering: Connector) -> None:
    assert as_approver.get("/sources/add/").status_code == 403
    assert as_approver.post("/sources/add/", given()).status_code == 403
    assert as_approver.get(f"/sources/{answering.pk}/edit/").status_code == 403
    assert "/sources/add/" not in as_approver.get("/sources/").content.decode()


def test_connecting_a_source(as_admin: Client) -> None:
    answer = as_admin.post("/sources/add/", given(url="http://prometheus:9090 "))
    made = Connector.objects.get()
    assert answer.headers["Location"] == f"/sources/{made.pk}/"
    assert (made.url, made.timeout_s) == ("http://prometheus:9090", 5.0)
    (event,) = AuditEvent.objects.filter(kind="connector.created")
    assert event.after["url"] == "http://prometheus:9090"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"url": ""}, "Write the whole address"),
        ({"url": "prometheus:9090"}, "Write the whole address"),
        ({"url": "ftp://prometheus"}, "Write the whole address"),
        ({"url": "http://[::1"}, "This is not an address"),
        ({"url": "http://me:secret@prometheus"}, "Leave the credential out"),
        ({"url": "http://prometheus/?a=b"}, "Leave out what follows"),
        ({"kind": "jaeger", "tenant": "team-a"}, "have no tenants"),
        ({"kind": "otlp", "url": "http://x"}, "Leave it empty"),
        ({"kind": "logfiles", "url": "/var/log/*.log"}, "set AIRRA_LOG_DIRS"),
        ({"kind": "logfiles", "url": "../log"}, "Write the whole path"),
        ({"secret_ref": "nowhere"}, "AIRRA_SECRET_NOWHERE is not set"),
        ({"secret_ref": "key"}, "choose another name"),
        ({"timeout_s": "0"}, "greater than or equal to 0.5"),
        ({"timeout_s": "nan"}, "Enter a number"),
        ({"name": ""}, "This field is required"),
        ({"kind": "fax"}, "not one of the available choices"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    as_admin: Client, changed: dict[str, str], words: str
) -> None:
    answer = as_admin.post("/sources/add/", given(**changed))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Connector.objects.exists()


def test_log_files_lie_below_the_allowed_folders(as_admin: Client, settings: Settings) -> None:
    settings.LOG_DIRS = [Path("/var/log/shop"), Path("/srv/logs/")]
    refused = as_admin.post("/sources/add/", given(kind="logfiles", url="/var/log/shopping/x"))
    assert "AIRRA may read below /var/log/shop and /srv/logs only" in refused.content.decode()
    taken = as_admin.post("/sources/add/", given(kind="logfiles", url="/srv/logs/*.log"))
    assert taken.status_code == 302


def test_a_second_source_of_a_name_is_refused(as_admin: Client, admin_user: User) -> None:
    first = analysis.connector(name="prom")
    answer = as_admin.post("/sources/add/", given())
    assert answer.status_code == 422
    assert "Another source has this name" in answer.content.decode()
    again = Connector(workspace=first.workspace, kind="loki", name="prom", url="http://loki")
    with pytest.raises(commands.NameTaken):
        commands.save(connector=again, by=admin_user)


def test_trying_before_saving_stores_nothing(as_admin: Client, answering: Connector) -> None:
    filled = given(url=answering.url)
    del filled["save"]
    text = as_admin.post("/sources/add/", {**filled, "try": "1"}).content.decode()
    assert "Prometheus answers" in text
    assert 'value="prom"' in text, "the form keeps what was typed"
    dead = as_admin.post("/sources/add/", {**filled, "url": NOWHERE, "try": "1"}).content.decode()
    assert "cannot connect" in dead
    assert Connector.objects.count() == 1


def test_another_address_has_to_prove_itself(as_admin: Client, answering: Connector) -> None:
    now = clock.now()
    Connector.objects.update(
        last_ok_at=now, failing_since=now, failures=3, last_error="gone", last_error_at=now
    )
    filled = given(name="alive", url="http://elsewhere:9090", kind="loki")
    assert as_admin.post(f"/sources/{answering.pk}/edit/", filled).status_code == 302
    answering.refresh_from_db()
    assert (answering.url, answering.kind) == ("http://elsewhere:9090", "prometheus")
    known = (answering.last_ok_at, answering.failing_since, answering.failures)
    assert known == (None, None, 0)
    (event,) = AuditEvent.objects.filter(kind="connector.changed")
    assert set(event.after) == {"url", "timeout_s"}


def test_another_name_changes_nothing_else(as_admin: Client, answering: Connector) -> None:
    now = clock.now()
    Connector.objects.update(last_ok_at=now)
    filled = given(name="renamed", url=answering.url, timeout_s="10")
    as_admin.post(f"/sources/{answering.pk}/edit/", filled)
    answering.refresh_from_db()
    assert (answering.name, answering.last_ok_at) == ("renamed", now)


def test_the_page_never_shows_a_secret(
    as_admin: Client, answering: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_PROM", "hush-hush")
    Connector.objects.update(secret_ref="prom")
    form = as_admin.get(f"/sources/{answering.pk}/edit/").content.decode()
    page = as_admin.get(f"/sources/{answering.pk}/").content.decode()
    assert "hush-hush" not in form + page
    assert "AIRRA_SECRET_PROM" in page


def test_the_list_asks_the_same_whatever_its_length(queries_of: Any) -> None:
    first = analysis.connector(name="first")
    analysis.detector("first", connector=first)
    paths = ("/sources/", f"/sources/{first.pk}/")
    before = [queries_of(path) for path in paths]
    for number in range(60):
        analysis.connector(name=f"source-{number}")
        analysis.detector(f"rule-{number}", connector=first)
    assert [queries_of(path) for path in paths] == before
    assert max(before) <= 12


def test_a_pushed_source_is_given_an_address_and_a_token_that_is_shown_once(
    as_admin: Client,
) -> None:
    form = given(kind="otlp", name="collector", url="")
    page = as_admin.post("/sources/add/", form, follow=True).content.decode()
    (token,) = re.findall(r"airra_in_[\w-]+", page)
    (address,) = set(re.findall(r"http://testserver(/otlp/[\w-]+)", page))
    assert token not in as_admin.get("/sources/").content.decode()
    answer = Client().post(
        f"{address}/v1/logs",
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    assert Connector.objects.get().name == "collector"


def test_detectors_that_fit_are_added_at_one_click(as_admin: Client) -> None:
    source = analysis.connector(name="logs", kind="loki", url=NOWHERE)
    page = as_admin.get(f"/sources/{source.pk}/").content.decode()
    assert "Add detectors" in page
    path = f"/sources/{source.pk}/detectors/"
    assert "Added 1 detector." in as_admin.post(path, follow=True).content.decode()
    assert "It has all that fit." in as_admin.post(path, follow=True).content.decode()
    assert [d.rule for d in source.detectors.all()] == ["logs"]


def test_a_source_that_does_not_answer_gets_no_detectors(as_admin: Client) -> None:
    source = analysis.connector(name="prom", url=NOWHERE)
    page = as_admin.post(f"/sources/{source.pk}/detectors/", follow=True).content.decode()
    assert "Nothing added: Prometheus at" in page
    assert not source.detectors.exists()


def test_a_source_of_changes_has_no_detectors_to_add(as_admin: Client) -> None:
    source = analysis.connector(name="deploys", kind="changes", url=NOWHERE)
    assert "Add detectors" not in as_admin.get(f"/sources/{source.pk}/").content.decode()
