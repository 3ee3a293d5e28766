"""Jobs of analysis: ids in, one command called, safe to run twice."""

from datetime import datetime

from airra.lib.jobs import Job, job
from analysis.commands import investigation, model_call, pushed, topology, watch


@job(Job.SCAN)
def scan() -> None:
    watch.scan()


@job(Job.WATCH)
def look_through(*, detector_ids: str, claimed_at: str) -> None:
    watch.run(detector_ids=detector_ids.split(","), claimed_at=datetime.fromisoformat(claimed_at))


@job(Job.LEARN_TOPOLOGY, queue="slow")
def learn_topology(*, connector_id: str) -> None:
    topology.learn(connector_id=connector_id)


@job(Job.INVESTIGATE, queue="slow")
def investigate(*, incident_id: str) -> None:
    investigation.run_for_incident(incident_id=incident_id)


@job(Job.SWEEP_ANALYSIS)
def sweep() -> None:
    watch.sweep()
    investigation.sweep()
    pushed.prune()
    model_call.prune()
