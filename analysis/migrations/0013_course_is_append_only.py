"""The database itself refuses to change what an investigation told."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("analysis", "0012_course_of_an_investigation")]
    operations = [append_only("analysis_investigationevent")]
