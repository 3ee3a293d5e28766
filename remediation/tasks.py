"""Jobs of remediation: ids in, one command called, safe to run twice.

Those that touch production acknowledge first: for them a crash means unknown, never a second try.
"""

from airra.lib.jobs import Job, job
from remediation.commands import execution, plan, verification
from remediation.commands import sweep as sweeping


@job(Job.PLAN, queue="slow")
def create_plan(*, investigation_id: str) -> None:
    plan.create_for(investigation_id=investigation_id)


@job(Job.EXECUTE, queue="act", late=False)
def execute(*, execution_id: str) -> None:
    execution.run(execution_id=execution_id)


@job(Job.PROBE, queue="act", late=False)
def probe(*, execution_id: str) -> None:
    execution.probe(execution_id=execution_id)


@job(Job.VERIFY)
def verify(*, execution_id: str) -> None:
    verification.verify(execution_id=execution_id)


@job(Job.SWEEP_REMEDIATION)
def sweep() -> None:
    sweeping.sweep()
