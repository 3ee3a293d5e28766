"""Replicas: none wanted, held back by an autoscaler, a roll-out or a budget; jobs that fail."""

import re
from collections.abc import Iterator, Mapping

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, SYMPTOM, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Ref, Snapshot, Thing, selects, texts
from analysis.reasoning.kubernetes.pods import (
    about,
    is_troubled,
    replicas_line,
    status_line,
    wanted,
)

_RUNNING = ("Deployment", "StatefulSet")


def _conditions(thing: Thing) -> Mapping[str, Json]:
    return {str(c.get("type")): c for c in thing.items("status", "conditions")}


@rule(Fault.SCALING, "Deployments")
def scaled_to_zero(snap: Snapshot) -> Iterator[Hit]:
    """A workload wants no replicas, and a Service selects its pods, so somebody calls it."""
    for workload in snap.of(*_RUNNING):
        services = snap.services_of(workload)
        named = snap.find("Service", workload.name, workload.namespace)
        services = services or ([named] if named else [])
        if wanted(workload) == 0 and services:
            addresses = snap.addresses(services[0])
            facts = (
                f"{workload.ref} replicas 0",
                f"{services[0].ref} leads to it, endpoints {addresses or '<none>'}",
            )
            yield Hit(about(snap, workload), facts, f"{workload.name} is scaled to zero")


@rule(Fault.SCALING, "Deployments")
def node_selector_of_daemon_set_empty(snap: Snapshot) -> Iterator[Hit]:
    """A DaemonSet wants no pod at all though there are nodes: its node selector matches none."""
    for workload in snap.of("DaemonSet"):
        chosen = texts(workload.part("spec", "template", "spec", "nodeSelector"))
        odd = {k: v for k, v in chosen.items() if not k.startswith("kubernetes.io/")}
        nodes = snap.of("Node")
        if wanted(workload) == 0 and odd and nodes:
            facts = f"{workload.ref} wants 0 pods", f"nodeSelector {odd}; {len(nodes)} nodes"
            yield Hit(about(snap, workload), facts, f"{workload.name} selects no node")


@rule(Fault.SCALING, "Horizontal Pod Autoscaling", STATE)
def autoscaler_at_its_most(snap: Snapshot) -> Iterator[Hit]:
    """An autoscaler is at its maximum, and what it measures is still over its target."""
    for scaler in snap.of("HorizontalPodAutoscaler"):
        most, now = scaler.number("spec", "maxReplicas"), scaler.number("status", "currentReplicas")
        limited = _conditions(scaler).get("ScalingLimited", {})
        over = _over_target(scaler.text("status", "printed"))
        is_limited = limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas"
        if most and now and now >= most and (over or is_limited):
            second = over or f"ScalingLimited {limited.get('message')}"
            facts = f"{scaler.ref} replicas {now} of at most {most}", second
            yield Hit(_scaled(snap, scaler), facts, f"{scaler.name} cannot add replicas")


def _over_target(text: str) -> str:
    for now, target in re.findall(r"(\d+)%?/(\d+)%?", text):
        if int(now) > int(target):
            return f"targets {text}"
    return ""


def _scaled(snap: Snapshot, scaler: Thing) -> tuple[Ref, ...]:
    to = scaler.part("spec", "scaleTargetRef")
    found = snap.find(str(to.get("kind")), str(to.get("name")), scaler.namespace)
    return (*(about(snap, found) if found else ()), scaler.ref)


@rule(Fault.SCALING, "Horizontal Pod Autoscaling", STATE)
def autoscaler_without_metrics(snap: Snapshot) -> Iterator[Hit]:
    """An autoscaler reads no metrics: `ScalingActive` is false, or its targets are unknown."""
    for scaler in snap.of("HorizontalPodAutoscaler"):
        active = _conditions(scaler).get("ScalingActive", {})
        unknown = "<unknown>" in scaler.text("status", "printed")
        events = snap.events_of(scaler, "FailedGetResourceMetric", "FailedComputeMetricsReplicas")
        if (active.get("status") == "False" or unknown) and (active.get("message") or events):
            second = events[-1].line if events else str(active.get("message"))
            facts = f"{scaler.ref} targets {scaler.text('status', 'printed') or 'unknown'}", second
            yield Hit(_scaled(snap, scaler), facts, f"{scaler.name} reads no metrics", 0.5)


@rule(Fault.ROLLOUT, "Deployments", SYMPTOM)
def rollout_stuck(snap: Snapshot) -> Iterator[Hit]:
    """A Deployment reports `ProgressDeadlineExceeded`, and fewer replicas are updated or ready."""
    for workload in snap.of("Deployment"):
        progress = _conditions(workload).get("Progressing", {})
        if progress.get("reason") == "ProgressDeadlineExceeded" and is_troubled(snap, workload):
            facts = f"{workload.ref} ProgressDeadlineExceeded", replicas_line(snap, workload)
            yield Hit(about(snap, workload), facts, f"the roll-out of {workload.name} is stuck")


@rule(Fault.ROLLOUT, "Deployments", STATE)
def rollout_paused(snap: Snapshot) -> Iterator[Hit]:
    """A Deployment is paused, and replicas of it are missing or of an old template."""
    for workload in snap.of("Deployment"):
        updated, want = workload.number("status", "updatedReplicas"), wanted(workload)
        behind = updated is not None and want is not None and updated < want
        if workload.part("spec").get("paused") is True and (behind or is_troubled(snap, workload)):
            facts = f"{workload.ref} paused", f"{replicas_line(snap, workload)}, updated {updated}"
            yield Hit(about(snap, workload), facts, f"{workload.name} is paused", CAUSE)


@rule(Fault.ROLLOUT, "Disruptions", STATE)
def disruption_budget_blocks(snap: Snapshot) -> Iterator[Hit]:
    """A budget allows no disruption, and an eviction or a drain was refused for it."""
    for budget in snap.of("PodDisruptionBudget"):
        allowed = budget.number("status", "disruptionsAllowed")
        chosen = texts(budget.part("spec", "selector", "matchLabels"))
        pods = [p for p in snap.of("Pod") if selects(chosen, p.labels)]
        said = [e for p in pods for e in snap.events_of(p) if "disruption budget" in e.message]
        said += [e for e in snap.events if "disruption budget" in e.message and e not in said]
        if allowed == 0 and said:
            workload = next((w for p in pods if (w := snap.workload_of(p))), None)
            chain = (budget.ref, *(about(snap, workload) if workload else ()))
            facts = f"{budget.ref} disruptions allowed 0", said[-1].line
            yield Hit(chain, facts, f"{budget.name} allows no eviction")


@rule(Fault.JOB, "Jobs", 0.55)
def job_fails(snap: Snapshot) -> Iterator[Hit]:
    """A Job is `Failed`, and its condition or its pods say why: backoff or deadline exceeded."""
    for job in snap.of("Job"):
        failed = _conditions(job).get("Failed", {})
        if failed.get("status") != "True" and job.text("status", "printed") != "Failed":
            continue
        events = snap.events_of(job, "BackoffLimitExceeded", "DeadlineExceeded")
        pods = [status_line(p) for p in snap.pods_of(job)]
        second = (
            str(failed.get("message") or "")
            or next((e.line for e in events), "")
            or next(iter(pods), "")
        )
        owners = [Ref(o.kind, o.name, job.namespace) for o in job.owners]
        if second:
            facts = f"{job.ref} Failed {failed.get('reason') or ''}".strip(), second
            yield Hit((*owners, job.ref), facts, f"job {job.name} failed")


@rule(Fault.JOB, "CronJob", 0.6)
def cron_job_suspended(snap: Snapshot) -> Iterator[Hit]:
    """A CronJob is suspended, or misses its starts by its own event."""
    for job in snap.of("CronJob"):
        events = snap.events_of(job, "MissSchedule", "TooManyMissedTimes", "FailedNeedsStart")
        if job.part("spec").get("suspend") is True or events:
            second = (
                events[-1].line if events else f"last run {job.text('status', 'lastScheduleTime')}"
            )
            facts = f"{job.ref} suspend {job.text('spec', 'suspend') or 'False'}", second
            yield Hit((job.ref,), facts, f"{job.name} does not start its jobs")


RULES = (
    scaled_to_zero,
    node_selector_of_daemon_set_empty,
    autoscaler_at_its_most,
    autoscaler_without_metrics,
    rollout_stuck,
    rollout_paused,
    disruption_budget_blocks,
    job_fails,
    cron_job_suspended,
)
