"""The preview of a detector: asked for, bounded, side by side; looking changes nothing."""

import json
import math
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

from airra.lib import clock
from analysis.commands import backtest
from analysis.models import Anomaly, Detector
from tests.contract.connectors.fakes import FakeBackends
from tests.factories import analysis

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ASKED: dict[str, Any] = {
    "days": "0.25", "alarms_per_week": "5", "floor": "0", "direction": "both",
}  # fmt: skip


@pytest.fixture
def fake(httpserver: HTTPServer) -> FakeBackends:
    return FakeBackends(httpserver)


@pytest.fixture
def rule(fake: FakeBackends) -> Detector:
    began = (clock.now() - timedelta(hours=2)).timestamp()

    def value(at: float) -> float:
        wave = 100 + 3 * math.sin(at / 61) + 2 * math.sin(at / 223)
        return wave * (3 if 0 <= at - began < 1800 else 1)

    fake.metrics.put("requests", value, service="payments")
    fake.metrics.put("requests", lambda at: 50 + math.sin(at / 61), service="search")
    source = analysis.connector(name="live", url=fake.url)
    return analysis.detector(
        "requests", query="requests", connector=source, unit="1/s", step_s=60, history_s=6 * 3600
    )


def path(rule: Detector) -> str:
    return f"/detectors/{rule.pk}/preview/"


def picture(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script id="preview-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    found: dict[str, Any] = json.loads(text)
    return found


def test_looking_at_the_form_asks_the_source_nothing(
    as_responder: Client, rule: Detector, httpserver: HTTPServer
) -> None:
    page = as_responder.get(path(rule)).content.decode()
    assert "Nothing is changed by looking" in page
    assert httpserver.log == []


def test_settings_are_compared(as_responder: Client, rule: Detector) -> None:
    page = as_responder.get(path(rule), {**ASKED, "floor": "1000"}).content.decode()
    assert "With these settings" in page
    table = re.findall(r"<t[hd][^>]*>\s*([^<]*?)\s*</t[hd]>", page[page.index("<tbody>") :])
    assert table[:3] == ["Sensitivity", "Normal", "Eager"]
    assert table[3:6] == ["Anomalies", "1", "0"]
    assert "Save these settings" in page
    assert '<input type="hidden" name="floor" value="1000">' in page
    assert not Anomaly.objects.exists()


def test_the_picture_holds_the_band_and_the_alarms(as_responder: Client, rule: Detector) -> None:
    found = picture(as_responder.get(path(rule), ASKED).content.decode())
    assert found["drawn"] == "service=payments"
    assert set(found["series"]) == {"service=payments", "service=search"}
    now, then = found["series"]["service=payments"]
    assert (now["title"], then["title"]) == ("As it is", "With these settings")
    assert len(now["times"]) == len(now["values"]) == len(now["low"]) == len(now["high"]) == 361
    assert len(now["alarms"]) == 1
    at = now["times"].index(now["alarms"][0])
    assert now["values"][at] > now["high"][at]


def test_a_series_may_be_asked_for(as_responder: Client, rule: Detector) -> None:
    page = as_responder.get(path(rule), {**ASKED, "series": "service=search"}).content.decode()
    assert picture(page)["drawn"] == "service=search"
    assert re.search(r'<option value="service=search"\s+selected>', page)


def test_the_settings_as_they_are_stand_alone(as_responder: Client, rule: Detector) -> None:
    asked = {**ASKED, "alarms_per_week": "0.25", "direction": "up"}
    page = as_responder.get(path(rule), asked).content.decode()
    assert "With these settings" not in page
    assert "Save these settings" not in page


def test_by_htmx_it_is_the_part_that_changed(as_responder: Client, rule: Detector) -> None:
    text = as_responder.get(path(rule), ASKED, headers=HTMX).content.decode()
    assert 'id="preview"' in text
    assert "<html" not in text


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"days": "900"}, "not one of the available choices"),
        ({"floor": "-3"}, "greater than or equal to 0"),
        ({"alarms_per_week": ""}, "This field is required"),
    ],
)
def test_what_cannot_be_tried_is_said_at_its_field(
    as_responder: Client, rule: Detector, changed: dict[str, str], words: str
) -> None:
    answer = as_responder.get(path(rule), {**ASKED, **changed})
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_wider_steps_are_admitted(
    as_responder: Client, rule: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    Detector.objects.update(step_s=5, history_s=6 * 3600)
    page = as_responder.get(path(rule), ASKED).content.decode()
    assert "Judged every 15 s instead of every 5 s" in page
    assert "manage.py backtest" in page
    monkeypatch.setattr(backtest, "PAGE", backtest.Limits(points=4000, cells=1000))
    page = as_responder.get(path(rule), ASKED).content.decode()
    assert "too many points" in page


def test_a_source_that_fails_is_named(as_responder: Client, rule: Detector) -> None:
    rule.connector.url = "http://127.0.0.1:9"
    rule.connector.save()
    page = as_responder.get(path(rule), ASKED).content.decode()
    assert "live: Prometheus at http://127.0.0.1:9" in page
    assert "Retry" in page


def test_a_viewer_may_not_run_it(as_viewer: Client, rule: Detector) -> None:
    assert as_viewer.get(path(rule)).status_code == 403
    assert "/preview/" not in as_viewer.get(f"/detectors/{rule.pk}/").content.decode()


def test_hostile_labels_stay_text(as_responder: Client, rule: Detector, fake: FakeBackends) -> None:
    evil = "</script><script>alert(1)</script>"
    fake.metrics.put("evil", math.sin, service=evil)
    Detector.objects.update(query="evil")
    page = as_responder.get(path(rule), ASKED).content.decode()
    assert "<script>alert(1)" not in page
    assert f"service={evil}" in picture(page)["series"]
