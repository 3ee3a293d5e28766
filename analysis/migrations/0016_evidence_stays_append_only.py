"""SQLite made the table of evidence anew to add columns: the refusal of changes comes back."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("analysis", "0015_ledger_of_calls")]
    operations = [append_only("analysis_evidence", again=True)]
