"""Other limits for a container that presses against those it has, with an exact way back.

Reads and changes nothing. An offer is a hint to whoever plans; the dry run looks at it again.
"""

from collections.abc import Iterator

from remediation.execution.base import ExecutorError, Offer
from remediation.execution.executors.docker_api import Engine, Json, Strain
from remediation.execution.executors.docker_limits import Limits

_MIB = 1024 * 1024
_FULL = 0.8  # of its memory in use
_THROTTLED = 0.25  # of its periods cut short, since it started
_GROWTH = 1.5


def resizes(engine: Engine, info: Json) -> tuple[Offer, ...]:
    """Memory first. None where nobody can tell, or where the host has no more to give."""
    try:
        strain, host, now = engine.strain(str(info["Id"])), engine.host(), Limits.of(info)
    except ExecutorError:
        return ()
    return (*_memory(now, strain, host), *_cpus(now, strain, host))


def _memory(now: Limits, strain: Strain, host: Json) -> Iterator[Offer]:
    if not now.memory or strain.memory < _FULL * now.memory:
        return
    most = int(host.get("MemTotal") or 0) // _MIB
    wanted = min(round(now.memory * _GROWTH / _MIB), most)
    if wanted * _MIB > now.memory:
        reason = f"uses {strain.memory // _MIB} of {now.memory // _MIB} MiB of memory"
        yield Offer("resize", {"memory_mb": wanted}, reason)


def _cpus(now: Limits, strain: Strain, host: Json) -> Iterator[Offer]:
    if not now.cpus or strain.throttled < _THROTTLED:
        return
    wanted = min(round(now.cpus * _GROWTH, 2), float(host.get("NCPU") or 0))
    if wanted > now.cpus:
        reason = f"was held back at {now.cpus:g} CPUs in {strain.throttled:.0%} of its time"
        yield Offer("resize", {"cpus": wanted}, reason)
