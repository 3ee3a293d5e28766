"""Jobs of analysis: ids in, one command called, safe to run twice."""

from airra.lib.jobs import Job, job
from analysis.commands import detector, investigation, pushed


@job(Job.SCAN)
def scan() -> None:
    detector.scan()


@job(Job.RUN_DETECTOR)
def run_detector(*, detector_id: str) -> None:
    detector.run(detector_id=detector_id)


@job(Job.INVESTIGATE, queue="slow")
def investigate(*, incident_id: str) -> None:
    investigation.run_for_incident(incident_id=incident_id)


@job(Job.SWEEP_ANALYSIS)
def sweep() -> None:
    detector.sweep()
    investigation.sweep()
    pushed.prune()
