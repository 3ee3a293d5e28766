"""What is only foretold stands apart: a tab and a look of its own, and no count of what is open."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from analysis.models import Forecast
from incidents.lifecycle import Severity, State
from incidents.models import Incident
from incidents.queries import shell
from remediation.queries.approval_queue import waiting_per_workspace
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db


def foretold(title: str = "payments: disk on its way to 100 %") -> Incident:
    about = make.incident(
        title=title, about=make.service("payments"), severity=Severity.HIGH, is_predicted=True
    )
    now = clock.now()
    times = {
        "earliest_at": now + timedelta(minutes=40),
        "expected_at": now + timedelta(minutes=60),
        "latest_at": now + timedelta(minutes=90),
    }
    Forecast.objects.create(
        detector=analysis.detector("disk forecast", rule="forecast", unit="ratio"),
        service=about.service,
        series_key=title,
        value=0.8,
        newest_value=0.83,
        limit=1.0,
        incident=about,
        **times,
        **{f"newest_{name}": at for name, at in times.items()},
    )
    return about


def words(answer: str) -> str:
    return " ".join(answer.split())


def test_it_has_a_tab_of_its_own_and_is_not_among_the_open(as_viewer: Client) -> None:
    about = foretold()
    there = words(as_viewer.get("/incidents/?view=predicted").content.decode())
    assert about.title in there
    assert "Predicted" in there
    assert "Reaches 100 % between" in there
    assert 'Predicted <span class="count">1</span>' in there
    assert 'Open <span class="count">0</span>' in there
    assert about.title not in as_viewer.get("/incidents/?view=open").content.decode()
    assert about.title not in as_viewer.get("/incidents/?view=critical").content.decode()


def test_nobody_is_alarmed_by_it(viewer: User) -> None:
    foretold()
    Incident.objects.update(severity=Severity.CRITICAL)
    (desk,) = shell.desks(viewer, waiting=waiting_per_workspace())
    assert (desk.live, desk.has_critical) == (0, False)
    Incident.objects.update(is_predicted=False)
    (desk,) = shell.desks(viewer, waiting=waiting_per_workspace())
    assert (desk.live, desk.has_critical) == (1, True)


def test_its_page_says_when_and_that_it_is_not_there_yet(as_viewer: Client) -> None:
    about = foretold()
    page = words(as_viewer.get(f"/incidents/{about.key}/").content.decode())
    assert "It is not there yet: now at 83 %." in page
    assert "Reaches 100 % between" in page
    assert "Foretold" in page
    Incident.objects.filter(pk=about.pk).update(is_predicted=False)
    assert "not there yet" not in as_viewer.get(f"/incidents/{about.key}/").content.decode()


def test_its_end_is_told_in_its_own_words(as_viewer: Client) -> None:
    about = make.incident(
        state=State.RESOLVED, is_predicted=True, resolution="averted: memory fell back"
    )
    page = words(as_viewer.get(f"/incidents/{about.key}/").content.decode())
    assert "Averted: memory fell back" in page
    assert "Resolved: averted" not in page


def test_the_tab_says_when_nothing_is_foretold(as_viewer: Client) -> None:
    make.incident(title="something open")
    assert "Nothing is foretold." in as_viewer.get("/incidents/?view=predicted").content.decode()


def test_a_new_look_moves_the_poll_without_an_event(as_viewer: Client) -> None:
    about = foretold()
    for path in ("/incidents/rows/?view=predicted", f"/incidents/{about.key}/live/"):
        tag = as_viewer.get(path).headers["HX-PTag"]
        assert as_viewer.get(path, headers={"HX-PTag": tag}).status_code == 304
        Forecast.objects.update(renewed_at=clock.now() + timedelta(seconds=30))
        assert as_viewer.get(path, headers={"HX-PTag": tag}).status_code == 200
        Forecast.objects.update(renewed_at=clock.now() + timedelta(seconds=90))


def test_many_cost_no_more_than_one(queries_of: Callable[[str], int]) -> None:
    foretold()
    paths = ("/incidents/?view=predicted", "/incidents/rows/?view=predicted")
    with_one = [queries_of(path) for path in paths]
    for number in range(20):
        foretold(f"payments: disk {number} on its way")
    assert [queries_of(path) for path in paths] == with_one
    assert max(with_one) <= 14, with_one
