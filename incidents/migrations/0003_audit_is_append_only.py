"""The database itself refuses to change an audit row."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("incidents", "0002_workspace_and_roles")]
    operations = [append_only("incidents_auditevent")]
