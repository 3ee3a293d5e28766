"""The database itself refuses to change what people have answered."""

from django.db import migrations

from airra.lib.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [("remediation", "0006_people_vote_and_lend_their_say")]
    operations = [append_only("remediation_vote")]
