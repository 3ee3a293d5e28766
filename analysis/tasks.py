"""Jobs of analysis: ids in, one command called, safe to run twice."""

from airra.lib.jobs import Job, job
from analysis.commands import detector, investigation, pushed, topology


@job(Job.SCAN)
def scan() -> None:
    detector.scan()


@job(Job.RUN_DETECTOR)
def run_detector(*, detector_id: str) -> None:
    detector.run(detector_id=detector_id)


@job(Job.LEARN_TOPOLOGY, queue="slow")
def learn_topology(*, connector_id: str) -> None:
    topology.learn(connector_id=connector_id)


@job(Job.INVESTIGATE, queue="slow")
def investigate(*, incident_id: str) -> None:
    investigation.run_for_incident(incident_id=incident_id)


@job(Job.SWEEP_ANALYSIS)
def sweep() -> None:
    detector.sweep()
    investigation.sweep()
    pushed.prune()
