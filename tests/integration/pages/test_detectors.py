"""The detectors' pages: filters, the one knob, mute, snooze, and a word on each anomaly."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from airra.lib import clock
from analysis.models import Anomaly, Connector, Detector, SeriesTuning
from analysis.queries.detector_anomalies import ICONS
from analysis.types import Trouble
from incidents.models import Incident
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

SERIES = "service=payments"


@pytest.fixture
def rule() -> Detector:
    found = analysis.detector("memory")
    analysis.state(found, {"service": "payments"}, {"service": "search"})
    return found


@pytest.fixture
def about() -> Incident:
    return make.incident(about=make.service("payments"))


def names_in(page: str) -> list[str]:
    return re.findall(r"data-row-link>([^<]+)</a>", page)


def at(rule: Detector, place: str = "") -> str:
    return f"/detectors/{rule.pk}/{place}"


def test_filters_narrow_the_list(as_viewer: Client) -> None:
    analysis.detector("memory")
    analysis.detector("disk full", rule="forecast", signal="disk", query="node_disk", limit=1)
    analysis.detector("gone", is_enabled=False, query="zebra")

    def found(query: str) -> list[str]:
        return names_in(as_viewer.get(f"/detectors/?{query}").content.decode())

    assert found("") == ["disk full", "gone", "memory"]
    assert found("rule=forecast") == ["disk full"]
    assert found("signal=disk") == ["disk full"]
    assert found("standing=off") == ["gone"]
    assert found("q=ZEBRA") == ["gone"]
    assert found("q=nothing&rule=x") == []
    page = as_viewer.get("/detectors/?q=nothing").content.decode()
    assert "No detector matches" in page
    assert "Clear the filters" in page


def test_noise_counts_what_was_waved_off(
    as_viewer: Client, about: Incident, rule: Detector
) -> None:
    for feedback, is_alone in (("", False), ("not_an_anomaly", False), ("", True), ("real", True)):
        made = analysis.anomaly(about, by=rule, ended_at=clock.now(), feedback=feedback)
        if is_alone:
            Anomaly.objects.filter(pk=made.pk).update(incident=None)
    page = as_viewer.get("/detectors/").content.decode()
    cells = re.findall(r'<td role="cell" class="opt">\s*(.*?)\s*</td>', page, re.DOTALL)
    assert cells[:4] == ["4", "2", "1, 1", "50 %"]


def test_every_kind_of_trouble_has_its_icon() -> None:
    sprite = (settings.BASE_DIR / "static/icons/sprite.svg").read_text(encoding="utf-8")
    assert set(ICONS) == set(Trouble)
    assert [icon for icon in ICONS.values() if f'id="{icon}"' not in sprite] == []


@pytest.mark.parametrize("kind", list(Trouble))
def test_an_anomaly_of_any_kind_is_named(
    as_viewer: Client, about: Incident, rule: Detector, kind: Trouble
) -> None:
    analysis.anomaly(about, by=rule, kind=kind, p_value=5e-5)
    page = as_viewer.get(at(rule)).content.decode()
    assert kind.label.capitalize() in page
    assert "1 in 20,000" in page
    assert "2 times" not in page
    assert "8.4 times its band" in page


def test_saving_the_knob(as_responder: Client, rule: Detector) -> None:
    given = {"alarms_per_week": "1", "floor": "0.5", "direction": "both"}
    answer = as_responder.post(at(rule, "settings/"), given)
    assert answer.headers["Location"] == at(rule)
    assert "Saved 3 settings" in as_responder.get(at(rule)).content.decode()
    rule.refresh_from_db()
    assert (rule.alarms_per_week, rule.floor, rule.direction) == (1.0, 0.5, "both")


def test_a_number_an_admin_has_set_stays_on_offer(as_responder: Client, rule: Detector) -> None:
    Detector.objects.update(alarms_per_week=0.4)
    page = as_responder.get(at(rule)).content.decode()
    assert "0.4 a week" in page
    given = {"alarms_per_week": "0.4", "floor": "0", "direction": "up"}
    assert as_responder.post(at(rule, "settings/"), given).status_code == 302
    rule.refresh_from_db()
    assert rule.alarms_per_week == 0.4


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"alarms_per_week": "7"}, "not one of the available choices"),
        ({"floor": "-1"}, "greater than or equal to 0"),
        ({"floor": "nan"}, "Enter a number"),
        ({"direction": "sideways"}, "not one of the available choices"),
    ],
)
def test_what_cannot_be_set_is_said_at_its_field(
    as_responder: Client, rule: Detector, changed: dict[str, str], words: str
) -> None:
    given = {"alarms_per_week": "1", "floor": "0", "direction": "up", **changed}
    answer = as_responder.post(at(rule, "settings/"), given)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    rule.refresh_from_db()
    assert rule.alarms_per_week == 0.35


FIELDS = {
    "adaptive": {"alarms_per_week", "floor", "direction"},
    "missing": set(),
    "saturation": {"limit", "floor", "direction"},
    "counter_reset": {"floor"},
    "burn_rate": {"objective"},
    "forecast": {"limit", "horizon_s", "direction"},
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_rule_shows_what_it_is_tuned_by(as_responder: Client, name: str) -> None:
    found = analysis.detector("it", rule=name, limit=0.9, objective=0.999)
    page = as_responder.get(at(found)).content.decode()
    settings = page[page.index('id="settings"') : page.index('id="quiet-title"')]
    fields = set(re.findall(r'name="(\w+)"', settings)) - {"csrfmiddlewaretoken"}
    assert fields == FIELDS[name]


def test_a_viewer_reads_and_changes_nothing(
    as_viewer: Client, rule: Detector, about: Incident
) -> None:
    found = analysis.anomaly(about, by=rule)
    page = as_viewer.get(at(rule)).content.decode()
    assert "<form" not in page[page.index('<main id="main"') :]
    assert "Normal" in page
    for path in ("settings/", "mute/", "unmute/", "switch/", "snooze/"):
        assert as_viewer.post(at(rule, path)).status_code == 403
    assert as_viewer.post(f"/anomalies/{found.pk}/feedback/").status_code == 403


def test_muting_until_a_moment(as_responder: Client, rule: Detector) -> None:
    until = (clock.now() + timedelta(days=3)).replace(second=0, microsecond=0)
    given = {"hours": "until", "until": f"{until:%Y-%m-%dT%H:%M}"}
    assert as_responder.post(at(rule, "mute/"), given).status_code == 302
    rule.refresh_from_db()
    assert rule.muted_until == until
    page = as_responder.get(at(rule)).content.decode()
    assert "Unmute" in page
    assert ">Muted</span>" in page
    as_responder.post(at(rule, "unmute/"))
    rule.refresh_from_db()
    assert rule.muted_until is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hours": "until"}, "Say until when."),
        ({"hours": "until", "until": "2020-01-01T00:00"}, "This moment has passed."),
        ({"hours": "until", "until": "soon"}, "Enter a valid date/time."),
        ({"hours": "99"}, "not one of the available choices"),
    ],
)
def test_muting_until_nothing_is_refused(
    as_responder: Client, rule: Detector, given: dict[str, str], words: str
) -> None:
    answer = as_responder.post(at(rule, "mute/"), given)
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_snoozing_a_series_and_waking_it(as_responder: Client, rule: Detector) -> None:
    given = {"series_key": "service=search", "hours": "8"}
    answer = as_responder.post(at(rule, "snooze/"), given)
    assert answer.headers["Location"] == at(rule, "#series")
    assert ">Snoozed</span>" in as_responder.get(at(rule)).content.decode()
    as_responder.post(at(rule, "snooze/"), {**given, "hours": "0"})
    assert SeriesTuning.objects.get().snoozed_until is None


def test_a_series_nobody_has_met_is_not_found(as_responder: Client, rule: Detector) -> None:
    given = {"series_key": "service=nobody", "hours": "8"}
    assert as_responder.post(at(rule, "snooze/"), given).status_code == 404
    assert not SeriesTuning.objects.exists()


def test_series_are_found_by_label(as_viewer: Client, rule: Detector) -> None:
    page = as_viewer.get(at(rule, "?series=SEARCH")).content.decode()
    assert "service=search" in page
    assert "service=payments" not in page
    assert "No series matches" in as_viewer.get(at(rule, "?series=zebra")).content.decode()


def test_many_series_are_cut_short(as_viewer: Client, rule: Detector, about: Incident) -> None:
    for number in range(60):
        key = f"pod={number:02}"
        analysis.anomaly(about, by=rule, series_key=key, ended_at=clock.now())
    page = as_viewer.get(at(rule)).content.decode()
    assert "12 more are not shown" in page


def test_a_word_comes_back_to_its_row(
    as_responder: Client, rule: Detector, about: Incident
) -> None:
    found = analysis.anomaly(about, by=rule)
    path = f"/anomalies/{found.pk}/feedback/"
    answer = as_responder.post(path, {"said": "not_an_anomaly"})
    assert answer.headers["Location"] == f"{at(rule)}#anomaly-{found.pk}"
    page = as_responder.get(at(rule)).content.decode()
    assert "payments alarms at 8.8 times its usual departure now." in page
    assert "8.8 × the usual" in page
    answer = as_responder.post(path, {"said": "", "next": f"/incidents/{about.key}/signals/"})
    assert answer.headers["Location"] == f"/incidents/{about.key}/signals/#anomaly-{found.pk}"
    assert SeriesTuning.objects.get().tolerance == pytest.approx(1.0)


def test_the_signals_of_an_incident_ask_for_a_word_too(
    as_responder: Client, about: Incident, rule: Detector
) -> None:
    found = analysis.anomaly(about, by=rule)
    Connector.objects.update(url="http://127.0.0.1:9")
    page = as_responder.get(f"/incidents/{about.key}/signals/?range=6h").content.decode()
    assert f'action="/anomalies/{found.pk}/feedback/"' in page
    assert f'value="/incidents/{about.key}/signals/?range=6h"' in page


def test_a_word_that_is_none_changes_nothing(
    as_responder: Client, rule: Detector, about: Incident
) -> None:
    found = analysis.anomaly(about, by=rule)
    as_responder.post(f"/anomalies/{found.pk}/feedback/", {"said": "maybe"})
    found.refresh_from_db()
    assert found.feedback == ""
    assert not SeriesTuning.objects.exists()


def test_anomalies_come_in_pages(as_viewer: Client, rule: Detector, about: Incident) -> None:
    for number in range(12):
        began = clock.now() - timedelta(hours=number)
        analysis.anomaly(about, by=rule, started_at=began, ended_at=began)

    def shown(query: str) -> int:
        return as_viewer.get(at(rule, query)).content.decode().count('class="anomaly"')

    assert [shown(""), shown("?page=2"), shown("?page=9"), shown("?page=x")] == [10, 2, 0, 10]


def test_the_page_asks_the_same_whatever_it_shows(
    queries_of: Any, rule: Detector, about: Incident
) -> None:
    analysis.anomaly(about, by=rule)
    SeriesTuning.objects.create(detector=rule, series_key=SERIES, tolerance=2)
    with_one = queries_of(at(rule))
    for number in range(80):
        began = clock.now() - timedelta(hours=number)
        key = f"service=s{number}"
        analysis.anomaly(about, by=rule, series_key=key, started_at=began, feedback="real")
        SeriesTuning.objects.create(detector=rule, series_key=key, tolerance=2)
    assert queries_of(at(rule)) == with_one <= 14


def test_what_calls_are_remembered_by_is_no_series(as_responder: Client) -> None:
    calls = analysis.detector("calls", rule=Detector.Rule.TRACES, query="")
    analysis.state(calls, {"subject": "edge_errors"})
    page = as_responder.get(at(calls)).content.decode()
    assert "edge_errors" not in page
    assert "once they were in trouble" in page
