"""Trouble that another brought: who calls a workload in trouble, or sits on such a node."""

from collections.abc import Sequence
from dataclasses import replace

from analysis.reasoning.kubernetes.findings import Finding
from analysis.reasoning.kubernetes.model import Ref, Snapshot
from analysis.reasoning.kubernetes.pods import holders, of_service
from analysis.reasoning.kubernetes.rules.routing import addresses, service_named

# Rules that say that something fails, not why.
_SYMPTOMS = frozenset(
    {
        "calls_to_service_fail",
        "crash_loop",
        "init_container_fails",
        "pod_not_ready",
        "probe_fails",
        "rollout_stuck",
        "service_without_endpoints",
    }
)
_LEAST = 0.4  # weaker findings excuse nobody
_LEFT = 0.65  # of a symptom's strength, once another's trouble explains it


def excused(snap: Snapshot, found: Sequence[Finding]) -> list[Finding]:
    """Symptoms count for less where what the workload calls, or its node, fares as badly."""
    worst: dict[Ref, float] = {}
    for finding in found:
        for ref in finding.about if finding.rule not in _SYMPTOMS else finding.about[:1]:
            worst[ref] = max(worst.get(ref, 0.0), finding.strength)
    if not any(f.rule in _SYMPTOMS for f in found):
        return list(found)
    needs = _Needs(snap)
    return [_excused(finding, needs, worst) for finding in found]


def _excused(finding: Finding, needs: "_Needs", worst: dict[Ref, float]) -> Finding:
    if finding.rule not in _SYMPTOMS:
        return finding
    below = needs.below(finding.about)
    if any(worst.get(ref, 0.0) >= max(finding.strength, _LEAST) for ref in below):
        return replace(finding, strength=finding.strength * _LEFT)
    return finding


class _Needs:
    """What workloads call by their environment, all the way down, and the nodes they sit on."""

    def __init__(self, snap: Snapshot) -> None:
        self._calls: dict[Ref, set[Ref]] = {}
        for holder in holders(snap):
            called = self._calls.setdefault(holder.ref, set())
            for _, host, _ in addresses(holder):
                service = service_named(snap, host, holder.namespace)
                if service is not None:
                    called.update({service.ref, *(w.ref for w in of_service(snap, service))})
        self._nodes: dict[Ref, set[Ref]] = {}
        for pod in snap.of("Pod"):
            workload = snap.workload_of(pod)
            if node := pod.text("spec", "nodeName"):
                above = workload.ref if workload else pod.ref
                self._nodes.setdefault(above, set()).add(Ref("Node", node))

    def below(self, own: Sequence[Ref]) -> set[Ref]:
        """Everything these objects rest on, themselves left out."""
        seen: set[Ref] = set()
        todo = list(own)
        while todo:
            for ref in self._calls.get(todo.pop(), ()):
                if ref not in seen:
                    seen.add(ref)
                    todo.append(ref)
        nodes = {node for ref in own for node in self._nodes.get(ref, ())}
        return (seen | nodes) - set(own)
