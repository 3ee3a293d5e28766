"""What has to be well before a container is touched, which never are, and who else writes it."""

from dataclasses import dataclass

from remediation.execution.executors.docker_api import Engine, Json
from remediation.execution.executors.docker_limits import Limits
from remediation.types import ActionRequest, Check

SELF = "airra.self"  # a label of AIRRA's own containers
_MIB = 1024 * 1024
_ROOM = 1.1  # of what is in use: a limit right at it would kill


@dataclass(frozen=True)
class Found:
    checks: tuple[Check, ...]

    @property
    def failing(self) -> str:
        """The first check that forbids it, in words, or empty."""
        fatal = (c for c in self.checks if c.is_fatal and not c.ok)
        return next((f"{check.name}: {check.detail}" for check in fatal), "")


def why_never(info: Json, *, own: Json) -> str:
    """Why this container is never touched, or empty. `own` is AIRRA's own container, if any."""
    labels = _labels(info)
    projects = [_labels(one).get("com.docker.compose.project") for one in (own, info)]
    is_beside = projects[0] is not None and projects[0] == projects[1]
    if SELF in labels or is_beside or (own and own.get("Id") == info.get("Id")):
        return "it is one of AIRRA's own"
    if (info.get("HostConfig") or {}).get("Privileged"):
        return "it is privileged"
    sockets = ("docker.sock", "podman.sock", "containerd.sock")
    if any(str(m.get("Source", "")).endswith(sockets) for m in info.get("Mounts") or []):
        return "it holds the socket of an engine"
    return ""


def owner_of(info: Json) -> str:
    """Who else makes and replaces it."""
    labels = _labels(info)
    if "com.docker.swarm.service.name" in labels:
        return "swarm"
    return "compose" if "com.docker.compose.project" in labels else ""


def _labels(info: Json) -> Json:
    found: Json = (info.get("Config") or {}).get("Labels") or {}
    return found


def look(engine: Engine, info: Json, request: ActionRequest, replicas: int) -> Found:
    """The pre-checks. Raises `ExecutorError` when it cannot look."""
    is_swarm = owner_of(info) == "swarm"
    detail = "swarm would replace it: act on the service" if is_swarm else "no orchestrator"
    checks = [Check("orchestrator", not is_swarm, detail)]
    if request.action == "resize":
        return Found((*checks, *_limits(engine, info, request)))
    return Found((*checks, _stays(info), _policy(info), _replicas(replicas), _health(info)))


def _stays(info: Json) -> Check:
    host, state = info.get("HostConfig") or {}, info.get("State") or {}
    name = "can be started again"
    if host.get("AutoRemove"):
        return Check(name, ok=False, detail="it is removed as soon as it stops")
    if state.get("Paused"):
        return Check(name, ok=False, detail="it is paused")
    return Check(name, ok=True, detail="neither paused nor removed when it stops")


def _policy(info: Json) -> Check:
    host = info.get("HostConfig") or {}
    policy = str((host.get("RestartPolicy") or {}).get("Name") or "no")
    is_kept = policy not in {"", "no"}
    detail = f"restart policy {policy}" if is_kept else "nothing starts it again if it dies"
    return Check("restart policy", is_kept, detail, is_fatal=False)


def _replicas(count: int) -> Check:
    detail = f"{count} containers" if count > 1 else "the only container: it is away meanwhile"
    return Check("two replicas", count > 1, detail, is_fatal=False)


def _health(info: Json) -> Check:
    """A container that is sick may well be restarted; that one is only just up may not."""
    health = (info.get("State") or {}).get("Health") or {}
    status = str(health.get("Status") or "none")
    return Check("not starting", status != "starting", f"health {status}")


def _limits(engine: Engine, info: Json, request: ActionRequest) -> list[Check]:
    now = Limits.of(info)
    wanted, host = now.with_(request.params), engine.host()
    checks = []
    if wanted.memory != now.memory:
        used, total = engine.memory_used(str(info["Id"])), int(host.get("MemTotal") or 0)
        detail = f"{used // _MIB} MiB in use, {total // _MIB} MiB on the host"
        fits = used * _ROOM <= wanted.memory <= total
        checks.append(Check("memory fits", fits, detail))
    if wanted.cpus != now.cpus:
        cores = int(host.get("NCPU") or 0)
        checks.append(Check("cpus fit", wanted.cpus <= cores, f"{cores} CPUs on the host"))
    return checks
