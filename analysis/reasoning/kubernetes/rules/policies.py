"""Network policies that close a way somebody needs."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Snapshot, Thing, selects, texts
from analysis.reasoning.kubernetes.pods import (
    about,
    behind,
    holders,
    items_of,
    part_of,
    port_numbers,
)
from analysis.reasoning.kubernetes.rules.routing import addresses, service_named

_CUT = re.compile(r"timed? ?out|deadline exceeded|unreachable|refused|failed", re.IGNORECASE)


def _labels(holder: Thing) -> dict[str, str]:
    if holder.ref.kind == "Pod":
        return holder.labels
    return texts(holder.part("spec", "template", "metadata", "labels"))


def _applies(policy: Thing, holder: Thing) -> bool:
    wanted = texts(policy.part("spec", "podSelector", "matchLabels"))
    more = policy.items("spec", "podSelector", "matchExpressions")
    same = policy.namespace in {holder.namespace, ""}
    return same and not more and (not wanted or selects(wanted, _labels(holder)))


def _types(policy: Thing) -> list[str]:
    told = policy.part("spec").get("policyTypes")
    if isinstance(told, list) and told:
        return [str(t) for t in told]
    return ["Ingress", *(["Egress"] if policy.items("spec", "egress") else [])]


def _admits(rule_: Json, side: str, peer: Thing, open_: set[int]) -> bool:
    numbers = {p.get("port") for p in items_of(rule_, "ports")}
    if (
        numbers
        and open_
        and not numbers & {*open_, *map(str, open_)}
        and not any(isinstance(n, str) and not n.isdigit() for n in numbers)
    ):
        return False
    peers = items_of(rule_, side)
    return not peers or any(_is_peer(p, peer) for p in peers)


def _is_peer(told: Json, peer: Thing) -> bool:
    if "ipBlock" in told or "namespaceSelector" in told:
        return True  # not judged: addresses and namespaces' labels are not at hand
    wanted = texts(part_of(told, "podSelector", "matchLabels"))
    more = items_of(part_of(told, "podSelector"), "matchExpressions")
    return bool(more) or not wanted or selects(wanted, _labels(peer))


@rule(Fault.NETWORK_POLICY, "Network Policies")
def policy_closes_needed_way(snap: Snapshot) -> Iterator[Hit]:
    """A policy selects a workload and admits none of those whose environment says they call it.

    Policies add up: a way is closed only when no policy for the same pods opens it.
    """
    if not snap.of("NetworkPolicy"):
        return
    for caller in holders(snap):
        for name, host, port in addresses(caller):
            service = service_named(snap, host, caller.namespace)
            if service is None:
                continue
            for callee in behind(snap, service):
                closing = _closing(snap, caller, callee)
                if closing:
                    policy, side = closing
                    facts = (
                        f"{policy.ref} podSelector {policy.part('spec', 'podSelector')} {side}",
                        f"{caller.ref} env {name}={host}" + (f":{port}" if port else ""),
                    )
                    held = callee if side == "Ingress" else caller
                    chain = (policy.ref, *about(snap, held))
                    yield Hit(chain, facts, f"{policy.name} keeps {caller.name} from {callee.name}")


def _closing(snap: Snapshot, caller: Thing, callee: Thing) -> tuple[Thing, str] | None:
    open_ = port_numbers(callee)
    for side, held, peer, key in (
        ("Ingress", callee, caller, "from"),
        ("Egress", caller, callee, "to"),
    ):
        own = [p for p in snap.of("NetworkPolicy") if side in _types(p) and _applies(p, held)]
        own = [p for p in own if "spec" in p.body]
        rules = [r for p in own for r in p.items("spec", side.lower())]
        if own and not any(_admits(r, key, peer, open_) for r in rules):
            return own[0], side
    return None


@rule(Fault.NETWORK_POLICY, "Network Policies", STATE)
def policy_denies_all(snap: Snapshot) -> Iterator[Hit]:
    """A policy lets nothing in or out of the pods it selects, and a call to or from them is cut."""
    for policy in snap.of("NetworkPolicy"):
        shut = [t for t in _types(policy) if not policy.items("spec", t.lower())]
        if "spec" not in policy.body or not shut:
            continue
        for holder in holders(snap):
            if not _applies(policy, holder):
                continue
            cut = next(
                (
                    x
                    for x in (*snap.checks, *snap.logs)
                    if holder.name in f"{x.about} {x.text}" and _CUT.search(x.text)
                ),
                None,
            )
            if cut:
                facts = f"{policy.ref} {', '.join(shut)}: nothing is allowed", cut.text
                chain = (policy.ref, *about(snap, holder))
                yield Hit(chain, facts, f"{policy.name} closes {holder.name}", CAUSE)
                break


RULES = (policy_closes_needed_way, policy_denies_all)
