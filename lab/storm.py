"""A storm of alerts over a made-up estate of services, with the truth of every alert beside it.

Nothing here knows how anybody groups alerts. A seed makes a topology of thirty services, root
faults at overlapping times, and what an Alertmanager would post about them: symptoms at the root,
symptoms that climb from callee to caller with delays and losses, an alert for each pod, repeats,
alerts that flap, alerts that name no service, and alerts that have nothing to do with any of it.
An alert that already fires when a second fault reaches it stays what it was: it has one cause.
"""

import hashlib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

BEGINS = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIZE = 1000
SPREAD_S = 150 * 60.0

_TIERS: tuple[tuple[str, ...], ...] = (
    ("web-gateway", "mobile-gateway", "partner-api"),
    ("checkout", "catalog", "account", "orders-view", "support-desk", "recommendations"),
    (
        "payments", "inventory", "pricing", "shipping", "search", "profile", "fraud", "tax",
        "notifications", "sessions", "media",
    ),
    (
        "orders-db", "users-db", "stock-db", "ledger-db", "search-index", "session-cache",
        "price-cache", "object-store", "mail-relay", "event-bus",
    ),
)  # fmt: skip

# What shows at the service that is broken, by the kind of fault: alert name, severity, words.
_ROOT: dict[str, tuple[tuple[str, str, str], ...]] = {
    "memory leak": (
        ("ContainerMemoryHigh", "warning", "memory of {pod} is at 93 % of its limit"),
        ("ContainerOOMKilled", "critical", "{pod} was killed for using too much memory"),
        ("PodRestarting", "warning", "{pod} restarted 4 times in 10 minutes"),
        ("HighLatency", "warning", "p99 latency of {service} is above 2 s"),
    ),
    "bad deploy": (
        ("HighErrorRate", "critical", "{service} answers 5xx to 18 % of requests"),
        ("PodCrashLooping", "critical", "{pod} is crash looping"),
        ("DeploymentReplicasMismatch", "warning", "{service} has fewer replicas than wanted"),
    ),
    "slow disk": (
        ("DiskIOSaturated", "warning", "disk of {pod} is busy 98 % of the time"),
        ("HighLatency", "warning", "p99 latency of {service} is above 2 s"),
        ("ReplicationLag", "warning", "replica {pod} lags by 40 s"),
    ),
    "pool exhaustion": (
        ("ConnectionPoolExhausted", "critical", "no free connection in the pool of {pod}"),
        ("HighLatency", "warning", "p99 latency of {service} is above 2 s"),
        ("HighErrorRate", "critical", "{service} answers 5xx to 18 % of requests"),
        ("QueueBacklog", "warning", "requests queue up in {pod}"),
    ),
    "cpu throttling": (
        ("CPUThrottlingHigh", "warning", "{pod} is throttled 60 % of the time"),
        ("HighLatency", "warning", "p99 latency of {service} is above 2 s"),
        ("LivenessProbeFailing", "warning", "liveness probe of {pod} times out"),
    ),
}
# What shows at a caller of a service in trouble.
_CALLER: tuple[tuple[str, str, str], ...] = (
    ("HighErrorRate", "critical", "{service} answers 5xx to 18 % of requests"),
    ("HighLatency", "warning", "p99 latency of {service} is above 2 s"),
    ("UpstreamTimeouts", "warning", "{service} waits too long for {callee}"),
    ("CircuitBreakerOpen", "warning", "{pod} has cut off {callee}"),
    ("QueueBacklog", "warning", "requests queue up in {pod}"),
    ("SLOBurnRate", "critical", "{service} spends its error budget 14 times too fast"),
)
_NOISE: tuple[tuple[str, str, str], ...] = (
    ("CertificateExpiresSoon", "info", "certificate of {service} expires in 20 days"),
    ("BackupLate", "warning", "last backup of {service} is 26 hours old"),
    ("DiskFillingSlowly", "info", "disk of {pod} will be full in 9 days"),
    ("ImagePullSlow", "info", "pulling the image of {pod} took 3 minutes"),
    ("ClockSkew", "warning", "clock of {pod} is off by 0.4 s"),
    ("CronJobLate", "warning", "nightly job of {service} has not finished"),
)


@dataclass(frozen=True)
class Fault:
    """One root cause. Times are seconds from the beginning of the storm."""

    name: str
    service: str
    kind: str
    begins_s: float
    ends_s: float


@dataclass(frozen=True)
class Message:
    """One alert of one webhook body, at the second it is posted, and what it is truly about."""

    at_s: float
    truth: str  # a fault's name, or a name of its own for noise
    alert: Mapping[str, Any]

    @property
    def is_firing(self) -> bool:
        return bool(self.alert["status"] == "firing")

    @property
    def at(self) -> datetime:
        return BEGINS + timedelta(seconds=self.at_s)


@dataclass(frozen=True)
class Storm:
    seed: int
    edges: tuple[tuple[str, str], ...]  # (caller, callee)
    faults: tuple[Fault, ...]
    messages: tuple[Message, ...]  # in the order they are posted

    @property
    def firing(self) -> list[Message]:
        return [message for message in self.messages if message.is_firing]


@dataclass(frozen=True)
class _Episode:
    """One time that one alert fires."""

    name: str
    severity: str
    words: str
    service: str
    pod: str
    callee: str
    begins_s: float
    ends_s: float
    truth: str
    is_labelled: bool = True  # its labels name the service
    has_pod: bool = True  # its labels name the pod at least


def storm(seed: int, *, size: int = SIZE) -> Storm:
    """The storm of a seed: exactly `size` firing messages, and the ends of what fired.

    Every service has as many pods as it takes for the faults to be that loud.
    """
    for pods in itertools.count(6, 2):
        rng = random.Random(seed)
        edges = topology(rng)
        faults = _faults(rng)
        episodes = [e for fault in faults for e in _cascade(rng, fault, edges, pods)]
        episodes = _one_cause_each(episodes) + _noise(rng, count=size // 20)
        flapped = (flap for e in episodes for flap in _flapping(rng, e))
        messages = [m for e in flapped for m in _messages(rng, e)]
        if sum(message.is_firing for message in messages) >= size:
            messages.sort(key=lambda m: (m.at_s, str(m.alert)))
            return Storm(seed, edges, faults, tuple(_of_size(rng, messages, size)))
    raise AssertionError


def topology(rng: random.Random) -> tuple[tuple[str, str], ...]:
    """Callers call one to four services of the tiers below; some are called by many."""
    edges: set[tuple[str, str]] = set()
    popular = {name: rng.paretovariate(1.5) for tier in _TIERS for name in tier}
    for level, tier in enumerate(_TIERS[:-1]):
        below = [
            (name, 3.0 if deeper == level + 1 else 1.0)
            for deeper in range(level + 1, len(_TIERS))
            for name in _TIERS[deeper]
        ]
        weights = [nearness * popular[name] for name, nearness in below]
        for caller in tier:
            chosen = rng.choices([name for name, _ in below], weights, k=rng.randint(1, 4))
            edges.update((caller, callee) for callee in chosen)
    for level, tier in enumerate(_TIERS[1:]):
        for callee in tier:
            if not any(edge[1] == callee for edge in edges):
                edges.add((rng.choice(_TIERS[level]), callee))
    return tuple(sorted(edges))


def _faults(rng: random.Random) -> tuple[Fault, ...]:
    services = [name for tier in _TIERS for name in tier]
    roots = rng.sample(services, rng.randint(8, 11))
    found = []
    for number, service in enumerate(roots, start=1):
        begins = rng.uniform(0, SPREAD_S)
        kind = rng.choice(sorted(_ROOT))
        found.append(
            Fault(f"fault-{number}", service, kind, begins, begins + rng.uniform(900, 2700))
        )
    return tuple(sorted(found, key=lambda fault: fault.begins_s))


def _cascade(
    rng: random.Random, fault: Fault, edges: Sequence[tuple[str, str]], pods: int
) -> Iterator[_Episode]:
    """The root's symptoms, then those of the callers it reaches, breadth first."""
    callers = defaultdict(list)
    for caller, callee in edges:
        callers[callee].append(caller)
    yield from _symptoms(rng, fault, fault.service, "", fault.begins_s, pods)
    reached = {fault.service}
    wave = [(fault.service, fault.begins_s, 0)]
    while wave:
        callee, since, depth = wave.pop(0)
        for caller in callers[callee]:
            if caller in reached or rng.random() > (0.8, 0.55, 0.4)[min(depth, 2)]:
                continue
            reached.add(caller)
            begins = since + rng.uniform(10, 40) + rng.expovariate(1 / 50)
            yield from _symptoms(rng, fault, caller, callee, begins, pods)
            wave.append((caller, begins, depth + 1))


def _symptoms(
    rng: random.Random,
    fault: Fault,
    service: str,
    callee: str,
    since: float,
    most_pods: int,
) -> Iterator[_Episode]:
    """Some symptoms of the table, for some pods, each after its own rule has waited; some lost."""
    table = _CALLER if callee else _ROOT[fault.kind]
    pods = [_pod(service, number) for number in range(rng.randint(2, most_pods))]
    for name, severity, words in rng.sample(table, rng.randint(2, min(4, len(table)))):
        is_of_pods = "{pod}" in words
        waits = rng.choice((0, 60, 60, 120, 300))
        for pod in pods if is_of_pods else pods[:1]:
            begins = since + waits + rng.uniform(0, 45)
            ends = fault.ends_s + rng.uniform(30, 300)
            if begins < fault.ends_s and rng.random() > 0.12:
                yield _Episode(
                    name, severity, words, service, pod if is_of_pods else "", callee, begins, ends,
                    fault.name, is_labelled=rng.random() > 0.12, has_pod=rng.random() > 0.3,
                )  # fmt: skip


def _pod(service: str, number: int) -> str:
    mark = hashlib.sha256(f"{service} {number}".encode()).hexdigest()
    return f"{service}-{mark[:8]}-{mark[8:13]}"


def _one_cause_each(episodes: Sequence[_Episode]) -> list[_Episode]:
    """What fires already cannot fire for a second fault: it only lasts longer."""
    last: dict[tuple[str, ...], int] = {}
    kept: list[_Episode] = []
    for episode in sorted(episodes, key=lambda e: e.begins_s):
        same = (episode.name, episode.service, episode.pod, episode.callee)
        before = last.get(same)
        if before is not None and kept[before].ends_s >= episode.begins_s:
            ends = max(kept[before].ends_s, episode.ends_s)
            kept[before] = replace(kept[before], ends_s=ends)
        else:
            last[same] = len(kept)
            kept.append(episode)
    return kept


def _noise(rng: random.Random, *, count: int) -> list[_Episode]:
    services = [name for tier in _TIERS for name in tier]
    found = []
    for number in range(count):
        name, severity, words = rng.choice(_NOISE)
        service = rng.choice(services)
        begins = rng.uniform(0, SPREAD_S + 1800)
        pod = _pod(service, rng.randint(0, 4)) if "{pod}" in words else ""
        found.append(
            _Episode(
                name, severity, words, service, pod, "", begins,
                begins + rng.uniform(300, 2400), f"noise-{number}", is_labelled=rng.random() > 0.2,
            )
        )  # fmt: skip
    first: dict[tuple[str, str, str], _Episode] = {}
    for episode in found:  # the same alert twice would be one alert
        first.setdefault((episode.name, episode.service, episode.pod), episode)
    return list(first.values())


def _flapping(rng: random.Random, episode: _Episode) -> Iterator[_Episode]:
    """One episode in eight goes away and comes back, some times."""
    if rng.random() > 0.125:
        yield episode
        return
    begins, times = episode.begins_s, rng.randint(2, 5)
    for _ in range(times):
        lasts = rng.uniform(40, 240)
        if begins + lasts > episode.ends_s:
            break
        yield replace(episode, begins_s=begins, ends_s=begins + lasts)
        begins += lasts + rng.uniform(30, 240)
    if begins < episode.ends_s:
        yield replace(episode, begins_s=begins)


def _messages(rng: random.Random, episode: _Episode) -> Iterator[Message]:
    """Fires, is repeated while it lasts, and ends."""
    every = rng.choice((600, 900, 1800))
    at = episode.begins_s + rng.uniform(1, 15)
    while at < episode.ends_s:
        yield Message(at, episode.truth, _payload(episode, "firing"))
        at += every + rng.uniform(0, 10)
    yield Message(episode.ends_s, episode.truth, _payload(episode, "resolved"))


def _payload(episode: _Episode, status: str) -> dict[str, Any]:
    """One entry of `alerts` in a body of Alertmanager, version 4."""
    identity = f"{episode.name}|{episode.service}|{episode.pod}|{episode.callee}"
    mark = hashlib.sha256(identity.encode()).hexdigest()[:16]
    filled = {"service": episode.service, "pod": episode.pod, "callee": episode.callee}
    labels = {"alertname": episode.name, "severity": episode.severity, "cluster": "prod-1"}
    if episode.is_labelled:
        labels["service"] = episode.service
    elif int(mark, 16) % 2:  # nothing but an address tells where it is
        labels["instance"] = filled["service"] = filled["pod"] = _address(episode.service)
    if episode.pod and episode.has_pod and "instance" not in labels:
        labels["pod"] = episode.pod
    if episode.callee and "{callee}" in episode.words:
        labels["upstream"] = episode.callee
    ends = BEGINS + timedelta(seconds=episode.ends_s)
    return {
        "status": status,
        "labels": labels,
        "annotations": {"summary": episode.words.format(**filled)},
        "startsAt": _rfc3339(BEGINS + timedelta(seconds=episode.begins_s)),
        "endsAt": _rfc3339(ends) if status == "resolved" else "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": mark,
    }


def _address(service: str) -> str:
    mark = hashlib.sha256(service.encode()).digest()
    return f"10.{mark[0]}.{mark[1]}.{mark[2]}:8080"


def _rfc3339(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _of_size(rng: random.Random, messages: Sequence[Message], size: int) -> list[Message]:
    """The first `size` that fire, after as many were lost on the way as there are too many."""
    firing = [number for number, message in enumerate(messages) if message.is_firing]
    lost = set(rng.sample(firing, max(len(firing) - size, 0)))
    return [message for number, message in enumerate(messages) if number not in lost]
