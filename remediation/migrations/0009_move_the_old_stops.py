"""The one switch and the one freeze of a policy become rows of their own."""

from django.db import migrations


def move(apps, schema_editor):
    Policy = apps.get_model("remediation", "Policy")
    KillSwitch = apps.get_model("remediation", "KillSwitch")
    FreezeWindow = apps.get_model("remediation", "FreezeWindow")
    for policy in Policy.objects.filter(is_killed=True):
        KillSwitch.objects.create(
            workspace_id=policy.workspace_id,
            scope="all",
            reason="on before stops had reasons",
            actor="AIRRA",
        )
    for policy in Policy.objects.filter(freeze_from__isnull=False, freeze_until__isnull=False):
        FreezeWindow.objects.create(
            workspace_id=policy.workspace_id,
            reason=policy.freeze_reason or "no reason given",
            starts_at=policy.freeze_from,
            ends_at=policy.freeze_until,
        )


class Migration(migrations.Migration):

    dependencies = [
        ("remediation", "0008_stops_and_rulings"),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
    ]
