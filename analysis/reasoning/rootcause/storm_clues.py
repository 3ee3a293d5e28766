"""What each component of an alert storm shows that its replicas and the rest of the storm do not.

Every clue is 0 where there is nothing to see and about 1 where it is full. An alert counts by the
share of the component's replicas that are well (without replicas: of all other components), and by
how rare it is in this storm, as inverse document frequency (Sparck Jones, 1972): a disk that fills
everywhere says nothing about anybody.
"""

from collections.abc import Callable

import numpy as np

from analysis.reasoning.rootcause.alert_roles import Signal
from analysis.reasoning.rootcause.storm_table import Storm, Vector, group

S = Signal
CLUES = (
    "restart",  # busy, full and failing at once: it starts anew
    "cpu",
    "cpu_slow",
    "memory",  # a half where the processor is calm: memory rises for many good reasons
    "busy_and_full",  # both up, and yet not slow
    "slow",
    "slow_calls",  # slow as the other end sees it: the network between them
    "less_traffic",
    "less_sent",
    "silent",  # sends less and is asked less
    "failing",  # with nothing below it that fails or fell silent
    "slow_traces",  # slow calls it answers or makes inside
    "new_logs",
    "breadth",  # how many kinds of alert
    "explained",  # something it calls, directly or not, is in trouble itself
)
_TROUBLED = 0.3  # of a clue of slow calls, from where on it may explain what a caller shows


def clue_table(storm: Storm) -> Vector:
    """Components x `CLUES`. Depends on names only through the replica groups they make."""
    cpu, memory, slow = storm.up(S.CPU), storm.up(S.MEMORY), _slow(storm)
    failing, idle = _failing(storm), np.maximum(storm.down(S.TRAFFIC), storm.down(S.CALL_TRAFFIC))
    restarting = (
        cpu * memory * failing * np.maximum(storm.down(S.CALL_SUCCESS), storm.up(S.RECEIVED))
    )
    calm = 1.0 - restarting  # a start explains the load, the delays and the log lines it brings

    def own(has: Vector) -> Vector:
        return np.asarray(has * np.maximum(_ahead(storm, has), 0.0) * rarity(has))

    silent = own(storm.down(S.SENT) * idle)
    new_logs = calm * _new_logs(storm)
    clues = {
        "restart": own(restarting),
        "cpu": calm * own(cpu),
        "cpu_slow": calm * own(cpu * slow),
        "memory": calm * own(memory) * (1 + cpu) / 2,
        "busy_and_full": calm * own(cpu * memory * (1 - slow)),
        "slow": calm * own(slow),
        "slow_calls": calm * own(storm.up(S.CALL_LATENCY)) * storm.quantiles,
        "less_traffic": _fall(storm, S.TRAFFIC),
        "less_sent": _fall(storm, S.SENT),
        "silent": silent,
        "failing": calm * own(failing) * (1 - _below(storm, np.maximum(failing, silent > 0))),
        "slow_traces": calm * _slow_traces(storm),
        "new_logs": new_logs,
        "breadth": calm * _breadth(storm),
    }
    trouble = np.maximum.reduce(
        [
            (silent > 0) * np.minimum(2 * new_logs, 1.0),
            cpu * memory * failing,
            clues["cpu"] > 0,
            clues["slow_calls"] > _TROUBLED,
        ]
    )
    clues["explained"] = _below(storm, trouble)
    return np.column_stack([clues[name] for name in CLUES])


def rarity(has: Vector) -> float:
    """1 for an alert one component has, 0 for one that all have."""
    size, count = len(has), float(np.count_nonzero(has))
    if size < 2:
        return 1.0
    return float(np.log((size + 1) / (count + 1)) / np.log((size + 1) / 2)) if count else 0.0


def _ahead(storm: Storm, values: Vector, pick: Callable[[Vector], float] = np.mean) -> Vector:
    """How far above its replicas a component is; without replicas, above all others."""
    ahead = values.copy()
    everyone = np.arange(len(values))
    for i, replicas in enumerate(storm.replicas):
        others = values[list(replicas)] if replicas else values[everyone != i]
        if len(others):
            ahead[i] -= pick(others)
    return ahead


def _slow(storm: Storm) -> Vector:
    """Latency alerts; where requests are not measured, the slow calls of the traces."""
    slow = storm.up(S.LATENCY)
    if storm.has_request_metrics or not storm.slow_calls.any():
        return slow
    return np.asarray(storm.slow_calls > 0.5 * storm.slow_calls.max(), dtype=np.float64)


def _failing(storm: Storm) -> Vector:
    """Fewer successes or more errors; where requests are not measured, the failed calls."""
    told = np.maximum.reduce([storm.down(S.SUCCESS), storm.down(S.CALL_SUCCESS)])
    told = np.maximum(told, storm.up(S.ERRORS))
    if storm.has_request_metrics or not storm.failed_calls.any():
        return told
    return np.asarray(storm.failed_calls > 0.5 * storm.failed_calls.max(), dtype=np.float64)


def _fall(storm: Storm, kind: Signal) -> Vector:
    """1 where it fell and the replicas took over, a half where they are as before."""
    return storm.down(kind) * np.clip(_ahead(storm, -storm.sign(kind)), 0.0, 2.0) / 2


def _new_logs(storm: Storm) -> Vector:
    """Twice as many alerting log templates as any replica is 1; without replicas at most a half."""
    counts = np.log2(1 + storm.templates)
    ahead = np.clip(_ahead(storm, counts, np.max), 0.0, 1.0)
    usual = np.clip(counts - np.median(counts), 0.0, 0.5) if len(counts) else counts
    alone = np.array([not replicas for replicas in storm.replicas])
    return np.asarray(np.where(alone, usual, ahead))


def _slow_traces(storm: Storm) -> Vector:
    """Four times as many kinds of slow calls as the replicas have is 1."""
    ahead = _ahead(storm, np.log2(1 + storm.slow_calls))
    return np.asarray(np.clip(ahead, 0.0, 2.0) / 2)


def _breadth(storm: Storm) -> Vector:
    kinds = [kind for kind in Signal if kind is not Signal.DISK]
    count = np.sum([np.maximum(storm.up(k), storm.down(k)) for k in kinds], axis=0)
    return np.asarray(np.maximum(_ahead(storm, count), 0.0) / 8)


def _below(storm: Storm, trouble: Vector) -> Vector:
    """The worst trouble of anything below the component."""
    worst: dict[str, float] = {}
    for name, value in zip(storm.components, trouble, strict=True):
        worst[group(name)] = max(worst.get(group(name), 0.0), float(value))
    return np.array(
        [
            max((worst.get(g, 0.0) for g in storm.callees.get(group(name), ())), default=0.0)
            for name in storm.components
        ]
    )
