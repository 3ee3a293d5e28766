"""Small windows, and words of any length and direction."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Visitor
from tests.e2e.lookup import detector_path, key_in, sender_path, source_path, uuid_of
from tests.e2e.test_keyboard_only import tab_to
from tools.stack import Stack

pytestmark = pytest.mark.e2e

ONE_LINE_PX = 56
TARGET_PX = 28
ODD = "s" * 60
FILL = f"""
import json
from tests.e2e.seed_alerts import _alert; from tests.factories import incidents as make
from incidents.models import Delivery, Integration
home = make.incident(title="x" * 300, about=make.service("{ODD}"))
labels = {{f"label_{{n}}": "v" * n for n in range(60)}}
_alert("y" * 300, about="{ODD}", incident=home, labels=labels)
_alert("تأخير الطلبات في خدمة الدفع (p99)", about="{ODD}")
body = json.dumps({{"title": "z" * 300, "service": "{ODD}"}}).encode()
kept = {{"body": body, "content_type": "application/json", "state": "processed"}}
Delivery.objects.create(integration=Integration.objects.get(name="scripts"), identity="odd", **kept)
"""


# Of the words in an empty field to the field, as WCAG 2 computes it; axe leaves these out.
CONTRAST = """() => {
  const field = document.querySelector("#q");
  const lightness = (colour) => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const words = lightness(getComputedStyle(field, "::placeholder").color);
  const behind = lightness(getComputedStyle(field).backgroundColor);
  return (Math.max(words, behind) + 0.05) / (Math.min(words, behind) + 0.05);
}"""


IS_WHOLE = """() => {
  const field = document.querySelector("#q");
  const look = getComputedStyle(field);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = look.font;
  const room = field.clientWidth - parseFloat(look.paddingLeft) - parseFloat(look.paddingRight);
  return pen.measureText(field.placeholder).width <= room;
}"""


def _alert(site: Stack, where: str) -> str:
    return f"/alerts/{uuid_of(site, 'incidents_alert', where)}/"


def _with_bars(site: Stack) -> list[str]:
    """The pages whose bars hold the most, and a page of each kind."""
    states = ("open", "acknowledged", "awaiting_approval", "no_safe_action", "resolved", "merged")
    incidents = [f"/incidents/{key_in(site, state)}/" for state in states]
    delivery = uuid_of(site, "incidents_delivery", "state = 'refused'")
    return [
        *("/alerts/", "/integrations/", "/grouping/", "/silences/", _alert(site, "is_flapping")),
        *incidents,
        f"{incidents[0]}resolve/",
        *("/incidents/?view=open", "/approvals/", "/detectors/", "/services/", "/sources/"),
        *("/services/payments/", detector_path(site, "memory"), source_path(site, "prometheus-eu")),
        *(sender_path(site, name) for name in ("scripts", "pagerduty old")),
        *(sender_path(site, "scripts", "/deliveries/?integration={}"), f"/deliveries/{delivery}/"),
    ]


def test_the_bar_of_a_phone_is_one_line(browser: Browser, site: Stack) -> None:
    """And each button in it is as large as a thumb needs, and is still called by its name."""
    visitor = Visitor(browser, site.url, size="phone")
    visitor.sign_in("admin")
    page = visitor.page
    for path in _with_bars(site):
        page.goto(path)
        for width in (390, 320):
            page.set_viewport_size({"width": width, "height": 844})
            box = page.locator(".bar").bounding_box()
            assert box is not None
            assert box["height"] < ONE_LINE_PX, (path, width)
            buttons = [each.bounding_box() for each in page.locator(".bar .btn:visible").all()]
            assert all(b and min(b["width"], b["height"]) >= TARGET_PX for b in buttons), path
    page.goto(f"/incidents/{key_in(site, 'open')}/")
    for name in ("Acknowledge", "Assign", "Stop"):
        expect(page.locator(".bar").get_by_text(name, exact=True)).to_have_count(1)
    page.goto("/alerts/")
    page.get_by_role("link", name="Silences").click()
    expect(page.get_by_role("heading", name="Silences")).to_be_visible()
    visitor.close()
    assert visitor.complaints == []


def test_words_of_any_length_fit_any_window(browser: Browser, site: Stack) -> None:
    """At 320 px nothing scrolls sideways, and going back by keys shows each stop."""
    site.manage("shell", "--no-imports", "-c", FILL)
    visitor = Visitor(browser, site.url, size="phone")
    visitor.sign_in("admin")
    page = visitor.page
    page.set_viewport_size({"width": 320, "height": 640})
    alert = _alert(site, "title like 'yyy%'")
    incident = f"/incidents/{key_in(site, 'open', 'xxx%')}/"
    mapping = sender_path(site, "scripts", "/integrations/{}/mapping/")
    for path in (alert, f"{alert}move/", incident, mapping, "/alerts/", "/deliveries/"):
        page.goto(path)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, (path, wide)
    page.goto(alert)
    page.locator("dl.facts a").last.focus()
    tab_to(page, page.get_by_role("link", name="Stop"), key="Shift+Tab")
    page.goto(_alert(site, "title like 'تأ%'"))
    assert _direction(page, "h1 bdi") == "rtl"
    visitor.close()
    assert visitor.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_placeholder_can_be_read(browser: Browser, site: Stack, dark: bool) -> None:
    visitor = Visitor(browser, site.url, dark=dark)
    visitor.sign_in("viewer")
    visitor.page.goto("/alerts/")
    assert visitor.page.evaluate(CONTRAST) >= 4.5
    for width in (320, 390, 1360):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        assert visitor.page.evaluate(IS_WHOLE), width
    visitor.close()


def _direction(page: Page, at: str) -> str:
    found = page.evaluate("(at) => document.querySelector(at).matches(':dir(rtl)')", at)
    return "rtl" if found else "ltr"
