"""Containers that do not start or do not stay up."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import STATE, SYMPTOM, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    ContainerState,
    about,
    containers,
    holders,
    is_ready,
    items_of,
    logs_of,
    part_of,
    pod_spec,
    states,
    status_line,
    troubled_pods,
)

_CANNOT_RUN = frozenset(
    {"RunContainerError", "StartError", "ContainerCannotRun", "CreateContainerError"}
)
_NO_SUCH = re.compile(
    r"executable file not found|no such file or directory|exec format error"
    r"|permission denied: unknown|: not found"
)
_NOT_FOUND = frozenset({126, 127, 128})
_PROBED = re.compile(r"(?:liveness|startup) probe", re.IGNORECASE)
_IN_USE = re.compile(r"address already in use|EADDRINUSE|bind: .*in use", re.IGNORECASE)


def _spec_of(snap: Snapshot, pod: Thing, name: str) -> Thing:
    """Where the container is specified in full: the pod, else its workload."""
    workload = snap.workload_of(pod)
    own = any(c.get("name") == name for c in containers(pod, with_init=True))
    return pod if own or workload is None else workload


def _container(snap: Snapshot, pod: Thing, name: str) -> dict[str, object]:
    for container in containers(_spec_of(snap, pod, name), with_init=True):
        if container.get("name") == name:
            return dict(container)
    return {}


@rule(Fault.OOM, "Assign Memory Resources to Containers and Pods")
def out_of_memory(snap: Snapshot) -> Iterator[Hit]:
    """A container was killed with `OOMKilled`; joined with its limit, exit code or restarts.

    It must still restart or be unready: a kill long ago that it recovered from is history.
    """
    for pod in snap.of("Pod"):
        for state in states(pod):
            reasons = {state.reason, state.last_reason}
            if "OOMKilled" not in reasons or (state.is_ready and state.restarts < 2):
                continue
            limits = part_of(_container(snap, pod, state.container), "resources", "limits")
            second = f"memory limit {limits.get('memory')}"
            if not limits.get("memory"):
                code = state.last_exit_code if state.exit_code is None else state.exit_code
                second = f"exit code {code}" if code is not None else f"restarts {state.restarts}"
            yield Hit(
                about(snap, pod),
                (f"{pod.ref} {state.line}", f"container {state.container}: {second}"),
                f"{pod.name} is killed for memory ({second})",
            )


@rule(Fault.COMMAND, "Define a Command and Arguments for a Container")
def command_cannot_run(snap: Snapshot) -> Iterator[Hit]:
    """A container cannot be started or ended with 126 to 128, and its message or command says why.

    Reasons `RunContainerError`, `StartError`, `ContainerCannotRun`, `CreateContainerError`.
    """
    for pod in troubled_pods(snap):
        for state in states(pod):
            codes = {state.exit_code, state.last_exit_code}
            words = f"{state.message} {state.last_message}"
            messages = [e.message for e in snap.events_of(pod, "Failed")]
            said = next((m for m in [words, *messages] if _NO_SUCH.search(m)), "")
            failed = bool({state.reason, state.last_reason} & _CANNOT_RUN)
            container = _container(snap, pod, state.container)
            command = " ".join(str(c) for key in ("command", "args") for c in _list(container, key))
            if not (failed and said) and not (codes & _NOT_FOUND and command):
                continue
            yield Hit(
                about(snap, pod),
                (
                    f"{pod.ref} {state.line}",
                    said.strip() or f"container {state.container} command: {command}",
                ),
                f"{state.container} of {pod.name} has a command that cannot run",
            )


def _list(container: dict[str, object], key: str) -> list[object]:
    value = container.get(key)
    return value if isinstance(value, list) else []


@rule(Fault.CRASH_LOOP, "Pod Lifecycle", STATE)
def crash_loop(snap: Snapshot) -> Iterator[Hit]:
    """A container waits in `CrashLoopBackOff`, and its last state names an exit code other than 0.

    Weaker than a rule that says why it ends; without its exit code restarts must be many.
    """
    for pod in troubled_pods(snap):
        first = {str(c.get("name")) for c in items_of(pod_spec(pod), "initContainers")}
        for state in states(pod):
            loops = "CrashLoopBackOff" in state.reason or _ended_badly(state)
            if not loops or state.container in first:
                continue
            if state.last_exit_code is not None:
                second = f"last state {state.last_reason} exit code {state.last_exit_code}"
            elif state.restarts >= 2:
                second = f"restarts {state.restarts}"
            else:
                continue
            yield Hit(
                about(snap, pod),
                (status_line(pod), f"container {state.container}: {second}"),
                f"{state.container} of {pod.name} ends again and again",
                SYMPTOM if state.last_exit_code == 0 or _is_killed(snap, pod, state) else STATE,
            )


def _is_killed(snap: Snapshot, pod: Thing, state: ContainerState) -> bool:
    """The kubelet ended it for a probe: then the probe's rules say more."""
    told = (e.message for e in snap.events_of(pod, "Unhealthy", "Killing"))
    probed = any(_PROBED.search(message) for message in told)
    return probed and state.last_exit_code in {None, 2, 137, 143}


def _ended_badly(state: ContainerState) -> bool:
    words = {state.reason, state.last_reason}
    return state.restarts >= 3 and bool(words & {"Error", "ContainerStatusUnknown"})


@rule(Fault.CRASH_LOOP, "Debug Init Containers", STATE)
def init_container_fails(snap: Snapshot) -> Iterator[Hit]:
    """A pod stays in `Init`, and one of its init containers ended with an error."""
    for pod in troubled_pods(snap):
        names = {str(c.get("name")) for c in items_of(pod_spec(pod), "initContainers")}
        for state in states(pod):
            code = state.exit_code if state.exit_code is not None else state.last_exit_code
            if state.container in names and code not in {None, 0}:
                yield Hit(
                    about(snap, pod),
                    (status_line(pod), f"init container {state.container} exit code {code}"),
                    f"init container {state.container} of {pod.name} fails",
                )


@rule(Fault.ROUTING, "Pods")
def containers_share_port(snap: Snapshot) -> Iterator[Hit]:
    """Two containers of a pod declare the same port, and the pod is not ready or says so.

    Containers of a pod share one network: the second to bind gets *address already in use*.
    """
    for holder in holders(snap):
        taken: dict[tuple[str, str], str] = {}
        for container in containers(holder):
            name = str(container.get("name"))
            for port in items_of(container, "ports"):
                key = str(port.get("containerPort")), str(port.get("protocol") or "TCP")
                other = taken.setdefault(key, name)
                if other == name:
                    continue
                trouble = _bind_trouble(snap, holder)
                if trouble:
                    first = (
                        f"{holder.ref}: containers {other} and {name} both declare port {key[0]}"
                    )
                    yield Hit(about(snap, holder), (first, trouble), f"{first}")


def _bind_trouble(snap: Snapshot, holder: Thing) -> str:
    pods = [holder] if holder.ref.kind == "Pod" else snap.pods_of(holder)
    said = next((text for text in logs_of(snap, holder) if _IN_USE.search(text)), "")
    return said or next((status_line(p) for p in pods if not is_ready(p)), "")


@rule(Fault.CRASH_LOOP, "Debug Running Pods", SYMPTOM)
def pod_not_ready(snap: Snapshot) -> Iterator[Hit]:
    """A pod runs but is not ready, and restarted or warns of itself: trouble without a reason."""
    for pod in troubled_pods(snap):
        warnings = [e for e in snap.events_of(pod) if e.type == "Warning"]
        restarts = sum(s.restarts for s in states(pod))
        if not warnings and not restarts:
            continue
        second = warnings[-1].line if warnings else f"restarts {restarts}"
        yield Hit(about(snap, pod), (status_line(pod), second), f"{pod.name} is not ready")


RULES = (
    out_of_memory,
    command_cannot_run,
    crash_loop,
    init_container_fails,
    containers_share_port,
    pod_not_ready,
)
