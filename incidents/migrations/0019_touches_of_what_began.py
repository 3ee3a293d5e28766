"""Each alert that is known already is told of by the delivery that began it."""

from itertools import islice

from django.db import migrations

_AT_A_TIME = 1000


def note_beginnings(apps, schema_editor):
    alerts = apps.get_model("incidents", "Alert").objects.filter(delivery__isnull=False)
    touches = apps.get_model("incidents", "Touch").objects
    told = alerts.order_by("pk").values_list("pk", "delivery_id", "severity", "starts_at")
    made = (
        touches.model(
            alert_id=alert,
            delivery_id=delivery,
            did="began",
            status="firing",
            severity=severity,
            at=at,
        )
        for alert, delivery, severity, at in told.iterator(_AT_A_TIME)
    )
    while some := list(islice(made, _AT_A_TIME)):
        touches.bulk_create(some)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0018_alerts_in_order_and_touches")]

    operations = [migrations.RunPython(note_beginnings, migrations.RunPython.noop)]
