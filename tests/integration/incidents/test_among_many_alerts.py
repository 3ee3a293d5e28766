"""What is asked of a few alerts does not go through all that there are.

A million of them made the sweep take three seconds and the page of an incident two, every few
seconds. SQLite says in so many words when it goes through a table; PostgreSQL does what it likes
with small ones.
"""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.commands import settling
from incidents.lifecycle import AlertStatus, State
from incidents.models import Incident
from incidents.queries import placements
from incidents.queries.related import related
from tests.factories import incidents as make

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans"),
]


@pytest.mark.parametrize(
    "ask",
    [
        settling.settle,
        placements.of,
        related,
        lambda _: settling.settle_quiet(),
    ],
    ids=["settle", "placements", "related", "settle_quiet"],
)
def test_no_alert_of_others_is_looked_at(ask: Callable[[Incident], object]) -> None:
    incident = make.incident(source=Incident.Source.ALERT)
    for place in (incident, make.incident(state=State.RESOLVED)):
        make.alert(place, status=AlertStatus.RESOLVED, ends_at=clock.now())
    with CaptureQueriesContext(connection) as seen:
        ask(incident)
    for query in seen.captured_queries:
        if query["sql"].startswith("SELECT"):
            assert not _scans(query["sql"]), query["sql"]


def _scans(sql: str) -> list[str]:
    """The steps of its plan that go through all alerts, by whatever name the query has for them."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        steps = [str(row[-1]) for row in cursor.fetchall()]
    names = {word.strip('"') for word in _names_of_alerts(sql)}
    return [step for step in steps if any(step.startswith(f"SCAN {name}") for name in names)]


def _names_of_alerts(sql: str) -> list[str]:
    parts = sql.split('"incidents_alert" ')[1:]
    return ["incidents_alert", *(part.split()[0].rstrip(")") for part in parts)]
