"""Every page in a real browser: both themes, both sizes, no complaint, no finding, no script."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import SHOTS, SIZES, Visitor
from tests.e2e.seed import sample
from tools.stack import PASSWORD, Stack, answers, wait_for

pytestmark = pytest.mark.e2e

SERVICES = ("payments", "checkout", "gateway", "search", "inventory", "database")
VARIANTS = [(dark, size) for dark in (False, True) for size in SIZES]
IDS = [f"{size}-{'dark' if dark else 'light'}" for dark, size in VARIANTS]


class Metrics(BaseHTTPRequestHandler):
    """A Prometheus that answers every query with the waves of the seed."""

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        data = self._instant(form) if "time" in form else self._range(form)
        body = {"status": "success", "data": data}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    @staticmethod
    def _instant(form: dict[str, list[str]]) -> dict[str, Any]:
        at = float(form["time"][0])
        value = [at, str(sample(form["query"][0], "payments", at, time.time()))]
        result = [{"metric": {"service": name}, "value": value} for name in SERVICES]
        return {"resultType": "vector", "result": result}

    @staticmethod
    def _range(form: dict[str, list[str]]) -> dict[str, Any]:
        query, now = form["query"][0], time.time()
        start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
        times = [start + i * step for i in range(int((end - start) / step) + 1)]
        result = [
            {
                "metric": {"service": name},
                "values": [[at, str(sample(query, name, at, now))] for at in times],
            }
            for name in SERVICES
        ]
        return {"resultType": "matrix", "result": result}

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture(scope="session")
def metrics_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Metrics) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, metrics_url: str) -> Iterator[Stack]:
    """AIRRA's web process alone, on a database that `tests.e2e.seed` has filled."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # noqa: TID251 - playwright runs a loop
    with Stack(var=tmp_path_factory.mktemp("pages")) as running:
        running.settings = {"DJANGO_SETTINGS_MODULE": "airra.settings"}
        running.manage("migrate", "--verbosity=0")
        running.manage("collectstatic", "--noinput", "--verbosity=0")
        fill = f"from tests.e2e.seed import fill; fill({metrics_url!r})"
        running.manage("shell", "--no-imports", "-c", fill)
        running.start_web()
        wait_for("AIRRA", lambda: answers(f"{running.url}/health"), within_s=30)
        yield running


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The first minute after installation: people, and nothing else."""
    with Stack(var=tmp_path_factory.mktemp("empty")) as running:
        running.settings = {"DJANGO_SETTINGS_MODULE": "airra.settings"}
        running.manage("migrate", "--verbosity=0")
        running.manage("collectstatic", "--noinput", "--verbosity=0")
        running.manage("shell", "--no-imports", "-c", "from tests.e2e.seed import people; people()")
        running.start_web()
        wait_for("AIRRA", lambda: answers(f"{running.url}/health"), within_s=30)
        yield running


def first(site: Stack, query: str, *arguments: str) -> str:
    with closing(sqlite3.connect(site.var / "airra.sqlite3")) as database:
        found = database.execute(query, arguments).fetchone()
    assert found, query
    return str(found[0])


def key_in(site: Stack, state: str, title: str = "%") -> str:
    query = "select number from incidents_incident where state = ? and title like ? order by number"
    return f"INC-{first(site, query, state, title)}"


def uuid_of(site: Stack, table: str, where: str = "1=1") -> str:
    return str(UUID(first(site, f"select id from {table} where {where}")))  # noqa: S608 - ours


def pages_of(site: Stack) -> dict[str, str]:
    showpiece = key_in(site, "awaiting_approval", "payments%")
    states = ("open", "acknowledged", "executing", "verifying", "no_safe_action", "resolved",
              "merged")  # fmt: skip
    waiting = "state = 'pending' and needed = 1"
    a_call = first(site, "select id from incidents_servicedependency order by id")
    return {
        "list": "/incidents/?view=open",
        "list-predicted": "/incidents/?view=predicted",
        "list-filtered": "/incidents/?view=all&q=latency&severity=high",
        "list-nothing-matches": "/incidents/?view=all&q=zebra",
        "list-closed": "/incidents/?view=all",
        "incident": f"/incidents/{showpiece}/",
        **{f"incident-{state}": f"/incidents/{key_in(site, state)}/" for state in states},
        "incident-analysing": f"/incidents/{key_in(site, 'analysing', 'search%')}/",
        "incident-failed": f"/incidents/{key_in(site, 'analysing', 'gateway%')}/",
        "incident-predicted": f"/incidents/{key_in(site, 'open', '%disk on its way%')}/",
        "signals": f"/incidents/{showpiece}/signals/",
        "signals-broken": f"/incidents/{key_in(site, 'analysing', 'search%')}/signals/",
        "evidence": f"/incidents/{showpiece}/evidence/1/",
        "evidence-logs": f"/incidents/{showpiece}/evidence/2/",
        "evidence-gap": f"/incidents/{showpiece}/evidence/5/",
        "verdict": f"/hypotheses/{uuid_of(site, 'analysis_hypothesis', 'rank = 1')}/confirm/",
        "resolve": f"/incidents/{showpiece}/resolve/",
        "assign": f"/incidents/{showpiece}/assign/",
        "approvals": "/approvals/",
        "approval": f"/approvals/{uuid_of(site, 'remediation_approval', waiting)}/",
        "approval-two": f"/approvals/{uuid_of(site, 'remediation_approval', 'needed = 2')}/",
        "request-action": f"/incidents/{key_in(site, 'no_safe_action')}/act/",
        "services": "/services/",
        "service": "/services/payments/",
        "service-calls": "/services/checkout/",
        "service-alone": "/services/fax/",
        "call-add": f"/dependencies/add/{uuid_of(site, 'incidents_service')}/",
        "call-hide": f"/dependencies/{a_call}/hide/",
        "detectors": "/detectors/",
        "detector": detector_path(site, "memory"),
        "detector-failing": detector_path(site, "cpu eu"),
        "sources": "/sources/",
        "source": source_path(site, "prometheus"),
        "source-failing": source_path(site, "prometheus-eu"),
        "source-add": "/sources/add/",
        "audit": "/audit/",
        "audit-nothing-matches": "/audit/?q=zebra",
        "account": "/account/",
        "new": "/incidents/new/",
        "save-view": "/incidents/views/save/?view=open",
        "admin": "/admin/",
        "admin-connectors": "/admin/analysis/connector/",
        "admin-detectors": "/admin/analysis/detector/",
        "admin-policy": "/admin/remediation/policy/",
        "admin-members": "/admin/incidents/membership/",
        "admin-detector-form": detector_path(site, "memory", "/admin/analysis/detector/{}/change/"),
    }


def detector_path(site: Stack, name: str, path: str = "/detectors/{}/") -> str:
    return path.format(uuid_of(site, "analysis_detector", f"name = '{name}'"))


def source_path(site: Stack, name: str) -> str:
    source_id = uuid_of(site, "analysis_connector", f"name = '{name}'")
    return f"/sources/{source_id}/"


def problems_of(visitor: Visitor, name: str, *, shot: str) -> list[str]:
    """What is wrong with the page as it stands: complaints, axe findings, sideways scrolling."""
    page = visitor.page
    if page.locator("#charts").count():
        page.wait_for_selector("#charts > :not(.skeleton)", timeout=5000)
        page.wait_for_timeout(150)
    visitor.shot(shot)
    found = [*visitor.complaints, *visitor.axe()]
    visitor.complaints.clear()
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"scrolls sideways by {wide} px")
    return [f"{name}: {problem}" for problem in found]


@pytest.mark.parametrize(("dark", "size"), VARIANTS, ids=IDS)
def test_every_page(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.page.goto("/accounts/login/")
    problems = problems_of(visitor, "login", shot=f"login-{variant}")
    visitor.sign_in("admin")
    for name, path in pages_of(site).items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (name, answer.status)
        problems += problems_of(visitor, name, shot=f"{name}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(("dark", "size"), VARIANTS, ids=IDS)
def test_error_pages(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("viewer")
    broken = render_to_string("500.html")
    visitor.page.route("**/broken/", lambda route: route.fulfill(status=500, body=broken))
    problems: list[str] = []
    paths = {"403": f"/incidents/{key_in(site, 'open')}/resolve/", "404": "/incidents/INC-99999/"}
    for status, path in {**paths, "500": "/broken/"}.items():
        answer = visitor.page.goto(path)
        assert answer is not None
        assert str(answer.status) == status
        visitor.complaints = [c for c in visitor.complaints if f"status of {status}" not in c]
        problems += problems_of(visitor, status, shot=f"{status}-{variant}")
    visitor.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_there_yet(browser: Browser, empty_site: Stack, size: str) -> None:
    visitor = Visitor(browser, empty_site.url, size=size)
    visitor.sign_in("admin")
    problems: list[str] = []
    for name in ("incidents", "approvals", "services", "detectors", "sources", "audit"):
        visitor.page.goto(f"/{name}/")
        problems += problems_of(visitor, name, shot=f"empty-{name}-{size}-light")
    visitor.close()
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(("dark", "size"), VARIANTS, ids=IDS)
def test_drawer(browser: Browser, site: Stack, dark: bool, size: str) -> None:
    """The plan is reviewed in a drawer: focus goes in, Escape brings it back to the button."""
    variant = f"{size}-{'dark' if dark else 'light'}"
    visitor = Visitor(browser, site.url, dark=dark, size=size)
    visitor.sign_in("approver")
    page = visitor.page
    page.goto(f"/incidents/{key_in(site, 'awaiting_approval', 'payments%')}/")
    page.wait_for_selector("#charts figure")
    button = page.get_by_role("link", name="Review plan")
    button.click()
    expect(page.locator("#drawer #panel-title")).to_be_focused()
    page.wait_for_timeout(200)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"drawer-{variant}.png")
    assert visitor.axe() == []
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    page.screenshot(path=SHOTS / f"focus-{variant}.png")
    visitor.close()
    assert visitor.complaints == []


def test_overtaken(browser: Browser, site: Stack) -> None:
    """Two people press the same button: the second is told, and nothing breaks."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    path = f"/incidents/{key_in(site, 'open', 'batch%')}/"
    page.goto(path)
    other = Visitor(browser, site.url)
    other.sign_in("approver")
    other.page.goto(path)
    other.page.get_by_role("button", name="Acknowledge").click()
    expect(other.page.get_by_text("is yours").first).to_be_visible()
    other.close()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("heading", name="It changed meanwhile")).to_be_visible()
    visitor.complaints = [c for c in visitor.complaints if "status of 409" not in c]
    problems = problems_of(visitor, "409", shot="409-desk-light")
    visitor.close()
    assert not problems, "\n".join(problems)


def test_live_page_answers_a_note(browser: Browser, site: Stack) -> None:
    """A note shows up in the timeline without a reload, and a half-typed one survives a poll."""
    visitor = Visitor(browser, site.url)
    visitor.sign_in("responder")
    page = visitor.page
    path = f"/incidents/{key_in(site, 'no_safe_action')}/"
    page.goto(path)
    page.get_by_label("Add a note").fill("looked at the shelf")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".timeline").get_by_text("looked at the shelf")).to_be_visible()
    expect(page.get_by_label("Add a note")).to_have_value("")
    page.get_by_label("Add a note").fill("half a tho")
    page.evaluate("document.getElementById('incident-live').dispatchEvent(new Event('airra:poll'))")
    page.wait_for_timeout(600)
    expect(page.get_by_label("Add a note")).to_have_value("half a tho")
    visitor.close()
    assert visitor.complaints == []


def test_without_script(browser: Browser, site: Stack) -> None:
    """Sign in, filter, note, decide: each is a form and a page."""
    context = browser.new_context(base_url=site.url, java_script_enabled=False, locale="en-GB")
    page: Page = context.new_page()
    page.goto("/approvals/")
    page.get_by_label("Username").fill("approver")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Approvals")).to_be_visible()

    page.goto("/incidents/")
    page.get_by_label("Search").fill("database")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="database: 412 connections").click()
    page.get_by_label("Add a note").fill("written without a script")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".timeline").get_by_text("written without a script")).to_be_visible()
    page.screenshot(path=SHOTS / "no-script-incident.png", full_page=True)

    page.goto("/approvals/")
    page.get_by_role("link", name="Review: Restart payments").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Say why you reject it.")).to_be_visible()
    page.get_by_label("Reason").fill("not during the match")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Rejected: Restart payments.")).to_be_visible()
    context.close()
