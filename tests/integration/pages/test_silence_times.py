"""The times of a silence: quick choices, a person's own zone, and what no clock shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from airra.lib import clock
from incidents.models import Silence, Workspace
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 3, 28, 2, 10, tzinfo=UTC)  # 3:10 in Berlin, a day before clocks jump


@pytest.fixture
def page(as_responder: Client) -> Client:
    as_responder.cookies["browser-zone"] = "Europe/Berlin"
    return as_responder


@pytest.fixture
def form(workspace: Workspace) -> dict[str, Any]:
    return {
        "reason": "Switch of the disks",
        "kind": "silence",
        "matchers": "region = eu-1",
        "zone": "Europe/Berlin",
        "workspace": workspace.pk,
    }


def sent(page: Client, form: dict[str, Any], **changed: str) -> Any:
    with clock.frozen(NIGHT):
        return page.post("/silences/new/", form | changed)


@pytest.mark.parametrize(
    ("lasts", "ends_at"),
    [
        ("1h", NIGHT + timedelta(hours=1)),
        ("4h", NIGHT + timedelta(hours=4)),
        ("2026-03-28", datetime(2026, 3, 28, 8, tzinfo=UTC)),
        ("2026-03-29", datetime(2026, 3, 29, 7, tzinfo=UTC)),  # clocks were put forward meanwhile
    ],
)
def test_a_quick_choice_begins_now(
    page: Client, form: dict[str, Any], lasts: str, ends_at: datetime
) -> None:
    assert sent(page, form, lasts=lasts).status_code == 302
    made = Silence.objects.get()
    assert (made.starts_at, made.ends_at) == (NIGHT, ends_at)


def test_before_nine_the_morning_of_today_is_offered_too(page: Client) -> None:
    with clock.frozen(NIGHT):
        at_night = page.get("/silences/new/").content.decode()
    assert "Until 9:00 today, Sat 28 Mar" in at_night
    assert "Until 9:00 tomorrow, Sun 29 Mar" in at_night
    with clock.frozen(NIGHT + timedelta(hours=7)):
        assert "9:00 today" not in page.get("/silences/new/").content.decode()


def test_the_zone_of_the_browser_is_filled_in_and_another_can_be_chosen(page: Client) -> None:
    with clock.frozen(NIGHT):
        text = page.get("/silences/new/").content.decode()
    assert '<option value="Europe/Berlin" selected>Europe/Berlin (UTC+1)</option>' in text
    page.post("/preferences/", {"zone": "Asia/Kolkata"})
    assert '<option value="Asia/Kolkata" selected>' in page.get("/silences/new/").content.decode()
    page.post("/preferences/", {"zone": "browser"})
    assert '<option value="Europe/Berlin" selected>' in page.get("/silences/new/").content.decode()


def test_times_by_hand_are_of_the_chosen_zone(page: Client, form: dict[str, Any]) -> None:
    own = {"lasts": "own", "starts_at": "2026-03-28T22:00", "ends_at": "2026-03-29T04:00"}
    assert sent(page, form, **own).status_code == 302
    made = Silence.objects.get()
    assert made.starts_at == datetime(2026, 3, 28, 21, tzinfo=UTC)
    assert made.ends_at == datetime(2026, 3, 29, 2, tzinfo=UTC)
    told = page.get(f"/silences/{made.pk}/").content.decode()
    assert "28 Mar 22:00 Europe/Berlin</time>" in told
    assert "21:00 UTC" in told
    assert "28 Mar 22:00</time>" in page.get("/silences/").content.decode()


def test_without_a_beginning_it_begins_now(page: Client, form: dict[str, Any]) -> None:
    assert sent(page, form, lasts="own", ends_at="2026-03-28T05:00").status_code == 302
    assert Silence.objects.get().starts_at == NIGHT


@pytest.mark.parametrize(
    ("ends_at", "why"),
    [
        ("2026-03-29T02:30", "put forward over 02:30 on 29 Mar 2026, so there is no such time"),
        ("2026-10-25T02:30", "show 02:30 on 25 Oct 2026 twice, at 00:30 and at 01:30 UTC"),
        ("", "Say until when."),
    ],
)
def test_a_time_that_is_none_is_said_at_its_field(
    page: Client, form: dict[str, Any], ends_at: str, why: str
) -> None:
    answer = sent(page, form, lasts="own", ends_at=ends_at)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert answer.context["form"].errors.keys() == {"ends_at"}
    assert not Silence.objects.exists()


def test_a_morning_that_is_past_is_refused(page: Client, form: dict[str, Any]) -> None:
    assert sent(page, form, lasts="2026-03-27").status_code == 422
    assert sent(page, form, zone="Mars/Olympus", lasts="1h").status_code == 422


def test_a_trial_tells_both_clocks(page: Client, form: dict[str, Any]) -> None:
    make.service("payments")
    text = sent(page, form, **{"lasts": "1h", "try": "1"}).content.decode()
    assert "28 Mar 04:10 Europe/Berlin</time>" in text
    assert "03:10 UTC" in text
