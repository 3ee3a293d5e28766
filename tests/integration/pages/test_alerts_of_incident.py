"""How many alerts an incident has, and the list of alerts narrowed to them."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client

from incidents.lifecycle import State
from incidents.models import Alert, Incident
from incidents.queries import alerts as queries
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

SHOWN = 20


def _with_alerts(number: int, *, merged: int = 0) -> Incident:
    about = make.incident()
    for each in range(number):
        make.alert(about, title=f"alert {each}")
    part = make.incident()
    for each in range(merged):
        make.alert(part, title=f"came with another {each}")
    Incident.objects.filter(pk=part.pk).update(state=State.MERGED, merged_into=about)
    make.alert(make.incident(), title="of another matter")
    return about


def _of(about: Incident) -> str:
    return f"/alerts/?view=all&incident={about.pk}"


def test_the_panel_says_of_how_many_it_shows_some(as_viewer: Client) -> None:
    about = _with_alerts(23, merged=2)
    answer = as_viewer.get(f"/incidents/{about.key}/")
    page = answer.content.decode()
    assert len(answer.context["alerts"].shown) == SHOWN
    assert "20 of 25 are shown" in page
    assert _of(about).replace("&", "&amp;") in page
    whole = as_viewer.get(f"/incidents/{about.key}/alerts/").content.decode()
    assert "are shown" not in whole


@pytest.mark.parametrize("number", [0, 1, SHOWN])
def test_what_is_shown_whole_is_not_said_to_be_some(as_viewer: Client, number: int) -> None:
    about = _with_alerts(number)
    answer = as_viewer.get(f"/incidents/{about.key}/")
    assert answer.context["alerts"].total == number
    assert "are shown" not in answer.content.decode()
    assert ("&amp;incident=" in answer.content.decode()) == bool(number)


def test_the_list_is_narrowed_to_an_incident_and_what_was_merged_into_it(as_viewer: Client) -> None:
    about = _with_alerts(3, merged=2)
    answer = as_viewer.get(_of(about))
    assert len(answer.context["rows"]) == 5
    page = answer.content.decode()
    assert f"Of {about.key}</option>" in page
    assert f"incident={about.pk}" in answer.context["query"], "a poll asks for the same"
    first = as_viewer.get(f"{_of(about)}&q=alert+1").context["rows"]
    assert [alert.title for alert in first] == ["alert 1"]
    assert "Of any incident" not in as_viewer.get("/alerts/").content.decode()


def test_it_walks_page_by_page_and_tells_of_new_ones(as_viewer: Client) -> None:
    about = _with_alerts(queries.PAGE_SIZE + 1)
    first = as_viewer.get(_of(about)).context
    rest = as_viewer.get(f"/alerts/?{first['next']}").context["rows"]
    assert len({alert.pk for alert in (*first["rows"], *rest)}) == queries.PAGE_SIZE + 1
    make.alert(make.incident(), title="elsewhere")
    assert as_viewer.get(f"/alerts/rows/?{first['query']}").context["new"] == 0
    make.alert(about, title="one more")
    assert as_viewer.get(f"/alerts/rows/?{first['query']}").context["new"] == 1


def test_an_incident_of_others_shows_nothing_and_not_its_key(as_viewer: Client) -> None:
    hidden = make.incident(place=make.workspace("hidden"), title="theirs")
    make.alert(hidden)
    answer = as_viewer.get(_of(hidden))
    assert answer.context["rows"] == []
    assert hidden.key not in answer.content.decode()
    assert as_viewer.get("/alerts/?incident=nonsense").status_code == 200


def test_it_asks_as_much_for_many_as_for_one_and_by_the_index_of_the_incident(
    queries_of: Callable[[str], int],
) -> None:
    about = _with_alerts(1)
    with_one = queries_of(_of(about))
    for number in range(60):
        make.alert(about, title=f"more {number}")
    assert queries_of(_of(about)) == with_one <= 13
    found = Alert.objects.of_incident(about.pk).filter(workspace=about.workspace)
    if connection.vendor == "sqlite":
        plan = found.order_by("-pk")[:51].explain()
        assert "SCAN incidents_alert" not in plan, plan
