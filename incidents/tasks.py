"""Jobs of incidents: ids in, one command called, safe to run twice."""

from airra.lib.jobs import Job, job
from incidents.commands import audit_keeping, delivery, rule_trial, silence, source_silence


@job(Job.PROCESS_DELIVERY)
def process_delivery(*, delivery_id: str) -> None:
    delivery.process(delivery_id=delivery_id)


@job(Job.DRAIN_DELIVERIES)
def drain_deliveries(*, workspace_id: str) -> None:
    delivery.drain(workspace_id=workspace_id)


@job(Job.CONFIRM_SUBSCRIPTION, queue="slow")
def confirm_subscription(*, delivery_id: str) -> None:
    delivery.confirm_subscription(delivery_id=delivery_id)


@job(Job.SWEEP_INCIDENTS)
def sweep() -> None:
    delivery.sweep()
    silence.replay()
    rule_trial.sweep()
    source_silence.sweep()
    audit_keeping.tend()


@job(Job.TRY_RULE, queue="slow")
def try_rule(*, trial_id: str) -> None:
    rule_trial.run(trial_id=trial_id)


@job(Job.VERIFY_AUDIT, queue="slow")
def verify_audit() -> None:
    audit_keeping.check_now()
