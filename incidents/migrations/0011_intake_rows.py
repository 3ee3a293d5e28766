"""Data: each integration's token becomes the first of its secrets; alerts name their workspace."""

from django.db import migrations
from django.db.models import OuterRef, Subquery

CHUNK = 500


def forwards(apps, schema_editor):
    Integration = apps.get_model("incidents", "Integration")
    Secret = apps.get_model("incidents", "IntegrationSecret")
    Alert = apps.get_model("incidents", "Alert")
    Delivery = apps.get_model("incidents", "Delivery")
    made = (
        Secret(
            integration_id=row.pk,
            use="token",
            digest=row.token_digest,
            prefix=row.token_prefix,
            created_at=row.created_at,
        )
        for row in Integration.objects.iterator(CHUNK)
    )
    Secret.objects.bulk_create(made, batch_size=CHUNK)
    of_sender = Integration.objects.filter(pk=OuterRef("integration_id")).values("workspace_id")[:1]
    arrived = Delivery.objects.filter(pk=OuterRef("delivery_id")).values("received_at")[:1]
    Alert.objects.update(
        workspace_id=Subquery(of_sender),
        received_at=Subquery(arrived),
        last_seen_at=Subquery(arrived),
    )


class Migration(migrations.Migration):
    dependencies = [("incidents", "0010_intake")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
