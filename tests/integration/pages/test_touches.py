"""What each delivery did to each alert, read from either side, however much there is."""

from collections.abc import Callable
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from airra.lib import clock
from airra.lib.ids import uuid7
from incidents.lifecycle import AlertStatus, Severity
from incidents.models import Alert, Delivery, Incident, Touch
from incidents.queries import deliveries, touches
from tests.factories import incidents as make
from tests.integration.incidents.conftest import Sender, alertmanager, batch, fired, over

__all__ = ["alertmanager"]
pytestmark = pytest.mark.django_db

Count = Callable[[str], int]
EACH = 320
upgrade = import_module("incidents.migrations.0019_touches_of_what_began")


def _dids(delivery: Delivery) -> list[tuple[str, str, str]]:
    return [(each.alert.dedup_key, each.did, each.detail) for each in touches.of_delivery(delivery)]


def test_a_delivery_lists_every_alert_it_told_of(alertmanager: Sender, as_viewer: Client) -> None:
    alertmanager.post(batch(fired("A"), fired("B")))
    worse = fired("B", labels={"severity": "critical"})
    alertmanager.post(batch(over("A"), worse, fired("C"), fired("A", minute=40)))
    first, second = Delivery.objects.order_by("id")
    assert _dids(first) == [("A", "began", ""), ("B", "began", "")]
    assert _dids(second) == [
        ("A", "ended", ""),
        ("B", "severity", "medium → critical"),
        ("C", "began", ""),
        ("A", "late", ""),
    ]
    page = as_viewer.get(f"/deliveries/{second.pk}/").content.decode()
    for words in ("Ended it", "Changed its severity", "Medium → critical", "Began it", "Came late"):
        assert words in page
    assert "INC-1" in as_viewer.get("/deliveries/").content.decode()


def test_an_alert_lists_the_deliveries_that_told_of_it(
    alertmanager: Sender, as_viewer: Client
) -> None:
    alertmanager.post(batch(fired("A")))
    alertmanager.post(batch(fired("A")), key="told again")
    alertmanager.post(batch(over("A")))
    page = as_viewer.get(f"/alerts/{Alert.objects.get().pk}/").content.decode()
    at = [page.index(words) for words in ("Ended it", "Told it again", "Began it")]
    assert at == sorted(at), "the newest word stands first"
    for delivery in Delivery.objects.all():
        assert f"/deliveries/{delivery.pk}/" in page


def test_what_came_late_says_so(alertmanager: Sender, as_viewer: Client) -> None:
    alertmanager.post(batch(over("A")))
    alert = Alert.objects.get()
    assert "Came late" in as_viewer.get("/alerts/?view=all").content.decode()
    assert "woke nobody" in as_viewer.get(f"/alerts/{alert.pk}/").content.decode()


def _many(story: Incident) -> tuple[Alert, Delivery]:
    """So many alerts, each told of by each of so many deliveries; returns one of each."""
    sender = make.alert(story).integration
    at = clock.now()
    Delivery.objects.bulk_create(
        Delivery(id=uuid7(), integration=sender, identity=f"many-{i}", body=b"", state="processed")
        for i in range(EACH)
    )
    Alert.objects.bulk_create(
        Alert(
            id=uuid7(),
            workspace=story.workspace,
            integration=sender,
            dedup_key=f"many-{i}",
            status=AlertStatus.RESOLVED,
            title=f"alert {i}",
            severity=Severity.LOW,
            starts_at=at,
            ends_at=at,
        )
        for i in range(EACH)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO incidents_touch (alert_id, delivery_id, did, detail, status, severity, at)"
            " SELECT a.id, d.id, 'repeated', '', 'firing', '', d.received_at"
            " FROM incidents_alert a CROSS JOIN incidents_delivery d"
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE incidents_touch, incidents_alert, incidents_delivery")
    told = Alert.objects.get(dedup_key="many-7")
    return told, Delivery.objects.get(identity="many-7")


def test_many_cost_the_pages_no_query_more(
    queries_of: Count, story: Incident, responder: User
) -> None:
    few = make.alert(story)
    with_one = queries_of(f"/alerts/{few.pk}/"), queries_of(f"/deliveries/{few.delivery_id}/")
    told, tells = _many(story)
    assert Touch.objects.count() >= EACH * EACH >= 100_000
    with_many = queries_of(f"/alerts/{told.pk}/"), queries_of(f"/deliveries/{tells.pk}/")
    assert with_many == with_one
    assert max(with_many) <= 13
    assert len(touches.of_delivery(tells)) == deliveries.SHOWN_ROWS
    asked = (
        told.touches.order_by("-at", "-id")[: touches.SHOWN_OF_ALERT],
        tells.touches.order_by("id")[: deliveries.SHOWN_ROWS],
        told.touches.filter(at__lte=clock.now()).order_by("-at", "-id")[:2],
    )
    for query in asked:
        plan = query.explain()
        assert "incidents_t" in plan, plan
        for slow in ("TEMP B-TREE", "Seq Scan", "SCAN incidents_touch"):
            assert slow not in plan, plan


def test_the_upgrade_notes_what_began_each_alert(story: Incident) -> None:
    alert = make.alert(story)
    Touch.objects.all().delete()
    upgrade.note_beginnings(apps, connection.schema_editor())
    (made,) = touches.of_alert(alert)
    assert (made.did, made.delivery, made.at) == (Touch.Did.BEGAN, alert.delivery, alert.starts_at)
