"""The database itself refuses to change what left for a model and what it cost."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("analysis", "0017_calls_to_models")]
    operations = [append_only("analysis_modelcall")]
