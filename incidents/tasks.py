"""Jobs of incidents: ids in, one command called, safe to run twice."""

from airra.lib.jobs import Job, job
from incidents.commands import delivery


@job(Job.PROCESS_DELIVERY)
def process_delivery(*, delivery_id: str) -> None:
    delivery.process(delivery_id=delivery_id)


@job(Job.SWEEP_INCIDENTS)
def sweep() -> None:
    delivery.sweep()
