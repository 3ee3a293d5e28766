"""The database itself refuses to change a row of the evidence ledger."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("analysis", "0002_initial")]
    operations = [append_only("analysis_evidence")]
