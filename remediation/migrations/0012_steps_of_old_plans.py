"""Every plan of old was one step on one target: its rows, and what its executions acted on.

A hash now covers the steps too. An approval that waits is void by that: the plan is asked about anew.
"""

from django.db import migrations


def give_steps(apps, schema_editor):
    Plan = apps.get_model("remediation", "Plan")
    Step = apps.get_model("remediation", "Step")
    StepTarget = apps.get_model("remediation", "StepTarget")
    Execution = apps.get_model("remediation", "Execution")
    for plan in Plan.objects.filter(steps__isnull=True).iterator():
        step = Step.objects.create(
            plan=plan,
            position=1,
            endpoint_id=plan.endpoint_id,
            action=plan.action,
            action_version=plan.action_version,
            service_name=plan.service_name,
            params=plan.params,
            title=plan.title,
            prediction=plan.prediction,
        )
        target = StepTarget.objects.create(
            step=step,
            ordinal=0,
            target_id=plan.target_id,
            target_version=plan.target_version,
            before=plan.before,
            after=plan.after,
            effects=plan.effects,
            reversibility=plan.reversibility,
            undo=plan.undo,
            fidelity=plan.fidelity,
        )
        Execution.objects.filter(plan=plan, mode="live").update(target=target)


class Migration(migrations.Migration):

    dependencies = [
        ("remediation", "0011_steps_and_their_targets"),
    ]

    operations = [
        migrations.RunPython(give_steps, migrations.RunPython.noop),
    ]
