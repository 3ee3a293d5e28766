"""Jobs of remediation: ids in, one command called, safe to run twice.

Those of the queue `act` are for the executor process alone. They acknowledge first: a crash means
unknown, never a second try. Their commands are imported when one runs, so that a process which only
names them, to wake the executor, holds nothing that can reach a target.
"""

# ruff: noqa: PLC0415 - as said above
from airra.lib.jobs import Job, job
from remediation.commands import notification, verification
from remediation.commands import sweep as sweeping


@job(Job.PLAN, queue="act", late=False)
def create_plan(*, investigation_id: str) -> None:
    from remediation.commands.acting import plan

    plan.create_for(investigation_id=investigation_id)


@job(Job.ASK, queue="act", late=False)
def ask(*, request_id: str) -> None:
    from remediation.commands.acting import request

    request.carry_out(request_id=request_id)


@job(Job.EXECUTE, queue="act", late=False)
def execute(*, execution_id: str) -> None:
    from remediation.commands.acting import execution

    execution.run(execution_id=execution_id)


@job(Job.PROBE, queue="act", late=False)
def probe(*, execution_id: str) -> None:
    from remediation.commands.acting import execution

    execution.probe(execution_id=execution_id)


@job(Job.VERIFY)
def verify(*, execution_id: str) -> None:
    verification.verify(execution_id=execution_id)


@job(Job.NOTIFY, queue="slow")
def notify(*, approval_id: str) -> None:
    notification.tell(approval_id=approval_id)


@job(Job.SWEEP_REMEDIATION)
def sweep() -> None:
    sweeping.sweep()
    notification.wake()
