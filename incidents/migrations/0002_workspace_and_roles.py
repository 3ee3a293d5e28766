"""Data: the workspace "Default" and the four roles exist from the start."""

from django.db import migrations

from airra.lib.ids import uuid7

ROLES = ("viewer", "responder", "approver", "admin")


def create(apps, schema_editor):
    apps.get_model("incidents", "Workspace").objects.get_or_create(
        slug="default", defaults={"id": uuid7(), "name": "Default"}
    )
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
