"""A real browser on a real AIRRA beside a real shop; what the browser complains of is a failure."""

import os
import shutil
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, sync_playwright

from tests import migrated
from tests.e2e.metrics import Metrics
from tools.stack import PASSWORD, ROOT, Stack, answers, wait_for

SHOTS = ROOT / "build" / "screenshots"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = ROOT / "tests" / "e2e" / "vendor" / "axe.min.js"
SIZES = {"desk": (1360, 900), "phone": (390, 844)}
# Both sizes and both themes each time; the other two pairs combine the same rules again and are
# left to `make e2e LOOKS=all`.
LOOKS = pytest.mark.parametrize(
    ("dark", "size"),
    [
        pytest.param(False, "desk", id="desk-light"),
        pytest.param(True, "phone", id="phone-dark"),
        pytest.param(True, "desk", id="desk-dark", marks=pytest.mark.slow),
        pytest.param(False, "phone", id="phone-light", marks=pytest.mark.slow),
    ],
)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded default: SQLite, in-process worker and beat, and the lab."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # noqa: TID251 - playwright runs a loop
    with Stack(var=tmp_path_factory.mktemp("airra")) as running:
        running.settings = {"AIRRA_SCAN_INTERVAL_S": "15", "AIRRA_SWEEP_INTERVAL_S": "3"}
        running.start_lab()
        migrated.copy_to(running.var)
        running.prepare()
        running.start_airra()
        yield running


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
        migrated.copy_to(running.var)
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
        migrated.copy_to(running.var)
        running.manage("collectstatic", "--noinput", "--verbosity=0")
        running.manage("shell", "--no-imports", "-c", "from tests.e2e.seed import people; people()")
        running.start_web()
        wait_for("AIRRA", lambda: answers(f"{running.url}/health"), within_s=30)
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


class Visitor:
    """One signed-in person in one window, and every complaint the browser made."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        *,
        dark: bool = False,
        size: str = "desk",
        zone: str = "UTC",
        script: bool = True,
    ) -> None:
        width, height = SIZES[size]
        self.context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id=zone,
            java_script_enabled=script,
        )
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def sign_in(self, account: str) -> None:
        self.page.goto("/accounts/login/")
        self.page.get_by_label("Username").fill(account)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/incidents/**")

    def shot(self, name: str) -> Path:
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def shot_of(self, part: Locator, name: str) -> Path:
        """One part of the page, where the whole would be too long to look at."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        was = self.page.viewport_size
        assert was is not None
        self.page.set_viewport_size({"width": was["width"], "height": 4000})  # no bar in the way
        part.screenshot(path=path)
        self.page.set_viewport_size(was)
        return path

    def axe(self) -> list[str]:
        """Findings of axe-core on the page as it stands (WCAG 2.2 A and AA, best practice)."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        # Only what is wrong: all targets of every rule that passes take longer than the rules.
        result = self.page.evaluate(
            "async () => await axe.run(document, {resultTypes: ['violations']})"
        )
        return [
            f"{v['id']}: {v['help']} at {[n['target'] for n in v['nodes']][:3]}"
            for v in result["violations"]
        ]

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def visit(browser: Browser, stack: Stack) -> Iterator[type[Visitor]]:
    """Makes visitors of the running stack, and fails the test on any complaint of the browser."""
    opened: list[Visitor] = []

    class Bound(Visitor):
        def __init__(self, *, account: str, dark: bool = False, size: str = "desk") -> None:
            super().__init__(browser, stack.url, dark=dark, size=size)
            opened.append(self)
            self.sign_in(account)

    yield Bound
    complaints = [c for visitor in opened for c in visitor.complaints]
    for visitor in opened:
        visitor.close()
    assert not complaints, complaints
