"""Services that lead nowhere: selectors, ports, names in the environment, ingresses."""

import difflib
import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, UNFELT, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import (
    Json,
    Ref,
    Snapshot,
    Thing,
    selector,
    selects,
    template_labels,
)
from analysis.reasoning.kubernetes.pods import (
    about,
    behind,
    env,
    holders,
    is_felt,
    is_ready,
    items_of,
    logs_of,
    part_of,
    port_names,
    port_numbers,
    ports,
    wanted,
)

_HOST_PORT = re.compile(
    r"^(?:[a-z][a-z0-9+.-]*://)?(?:[^@/\s]+@)?(?P<host>[a-z](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9.-]+)?)"
    r"(?::(?P<port>\d{2,5}))?(?:/.*)?$"
)
_ADDRESS = re.compile(r"(ADDR|ADDRESS|HOST|URL|URI|ENDPOINT|SERVER|SERVICE|DSN|UPSTREAM|BROKER)S?$")
_LOST = re.compile(
    r"no such host|not known|not resolve|name resolution|ENOTFOUND|EAI_AGAIN", re.IGNORECASE
)
_NO_HOSTS = frozenset({"localhost", "true", "false", "none", "null"})
_CUT = re.compile(r"refused|timed? ?out|unavailable|reset|unreachable|deadline", re.IGNORECASE)
_RUNS = ("Deployment", "StatefulSet", "DaemonSet")


def _pods_for(snap: Snapshot, service: Thing) -> list[Thing]:
    wanted_labels = selector(service)
    return [
        p
        for p in snap.of("Pod")
        if p.namespace in {service.namespace, ""} and selects(wanted_labels, p.labels)
    ]


@rule(Fault.ROUTING, "Debug Services")
def selector_matches_no_pod(snap: Snapshot) -> Iterator[Hit]:
    """A Service has no endpoint, and no pod meets its selector, though some nearly do.

    Nearly: a workload of the Service's name, or one that differs in a single label.
    """
    carriers = _carriers(snap)
    for service in snap.of("Service"):
        asked = selector(service)
        addresses = snap.addresses(service)
        if not asked or addresses or not carriers or _pods_for(snap, service):
            continue
        same = [c for c in carriers if c.namespace in {service.namespace, ""}]
        if addresses is None:  # then only labels that are known in full tell
            same = [c for c in same if c.part("spec", "template", "metadata", "labels")]
        if any(selects(asked, template_labels(c)) for c in same):
            continue
        near = [c for c in same if _is_near(service, c, asked)]
        told = ", ".join(f"{k}={v}" for k, v in asked.items())
        if not near and addresses is None:
            continue
        labels = ", ".join(f"{k}={v}" for k, v in template_labels(near[0]).items()) if near else ""
        second = f"{near[0].ref} labels {labels}" if near else f"Endpoints/{service.name} <none>"
        chain = (service.ref, *(r for c in near[:1] for r in about(snap, c)))
        facts = f"{service.ref} selector {told}, endpoints <none>", second
        yield Hit(
            chain, facts, f"{service.name} selects {told}: no pod has it", CAUSE if near else 0.9
        )


def _carriers(snap: Snapshot) -> list[Thing]:
    """Workloads and stray pods whose labels are known."""
    found = snap.of("Deployment", "StatefulSet", "DaemonSet")
    stray = [p for p in snap.of("Pod") if p.labels and snap.workload_of(p) is None]
    return [c for c in (*found, *stray) if template_labels(c)]


def _is_near(service: Thing, carrier: Thing, asked: dict[str, str]) -> bool:
    labels = template_labels(carrier)
    met = sum(labels.get(k) == v for k, v in asked.items())
    named = carrier.name == service.name or service.name in labels.values()
    return named or (met > 0 and met == len(asked) - 1)


@rule(Fault.ROUTING, "Service", UNFELT)
def target_port_wrong(snap: Snapshot) -> Iterator[Hit]:
    """A Service sends to a port that no container behind it declares, by number or by name.

    Containers that declare no port at all say nothing. What is declared is only information:
    a number is sure once somebody meets the Service and gets no answer.
    """
    for service in snap.of("Service"):
        same = [h for h in behind(snap, service) if ports(h)]
        for port in service.items("spec", "ports"):
            target = port.get("targetPort", port.get("port") if "targetPort" in port else None)
            if target is None or not same:
                continue
            open_ = {str(n) for h in same for n in (*port_numbers(h), *port_names(h))}
            if str(target) in open_:
                continue
            facts = (
                f"{service.ref} port {port.get('port')} targetPort {target}",
                f"{same[0].ref} declares ports {', '.join(sorted(open_))}",
            )
            chain = (service.ref, *about(snap, same[0]))
            is_named = not str(target).isdigit()
            summary = f"{service.name} sends to port {target}, which nobody opens"
            felt = is_named or is_felt(snap, service) or is_felt(snap, same[0])
            yield Hit(chain, facts, summary, CAUSE if felt else None)


@rule(Fault.ROUTING, "Service", UNFELT)
def protocol_wrong(snap: Snapshot) -> Iterator[Hit]:
    """A Service forwards UDP to a port its containers open for TCP, or the other way round."""
    for service in snap.of("Service"):
        if service.name in {"kube-dns", "coredns"}:
            continue
        for port in service.items("spec", "ports"):
            protocol = str(port.get("protocol") or "TCP")
            for holder in behind(snap, service):
                opened = {
                    str(p.get("protocol") or "TCP")
                    for p in ports(holder)
                    if port.get("targetPort", port.get("port"))
                    in (p.get("containerPort"), p.get("name"))
                }
                if opened and protocol not in opened:
                    facts = (
                        f"{service.ref} port {port.get('port')}/{protocol}",
                        f"{holder.ref} opens it for {', '.join(sorted(opened))}",
                    )
                    chain = (service.ref, *about(snap, holder))
                    felt = is_felt(snap, service) or is_felt(snap, holder)
                    summary = f"{service.name} forwards {protocol}"
                    yield Hit(chain, facts, summary, CAUSE if felt else None)


def addresses(holder: Thing) -> Iterator[tuple[str, str, int | None]]:
    """Variable, host and port of every address in the environment that looks like a service's."""
    told = list(env(holder))
    for container, name, value in told:
        found = _HOST_PORT.match(value.strip())
        if found is None or not (_ADDRESS.search(name) or found["port"]):
            continue
        port = found["port"]
        if port is None:
            stem = _ADDRESS.sub("", name)
            port = next(
                (v for c, n, v in told if c == container and n == f"{stem}PORT" and v.isdigit()),
                None,
            )
        yield name, found["host"], int(port) if port else None


def service_named(snap: Snapshot, host: str, namespace: str) -> Thing | None:
    parts = host.split(".")
    return snap.find("Service", parts[0], parts[1] if len(parts) > 1 else namespace)


@rule(Fault.ROUTING, "DNS for Services and Pods", UNFELT)
def address_names_no_service(snap: Snapshot) -> Iterator[Hit]:
    """A host in the environment looks like a Service's, and no Service of that name is there.

    Cluster names only: a single word, or one ending in the cluster's domain. Sure where a Service
    of nearly that name is there (a slip), where a workload of that name lost its Service, or where
    the caller logs that it cannot resolve the name; else it may be an address nobody uses.
    """
    for holder in holders(snap):
        for name, host, port, space in _lost(snap, holder):
            head = host.split(".")[0]
            known = [s.name for s in snap.of("Service") if s.namespace in {space, ""}]
            near = next(iter(difflib.get_close_matches(head, known, n=1, cutoff=0.75)), "")
            orphan = next((w for k in _RUNS if (w := snap.find(k, head, space))), None)
            said = next((t for t in logs_of(snap, holder) if host in t and _LOST.search(t)), "")
            told = f"; there is {near}" if near else f"; {orphan.ref} has none" if orphan else ""
            facts = (
                f"{holder.ref} env {name}={host}" + (f":{port}" if port else ""),
                said or f"no Service {head} in {space or 'the namespace'}{told}",
            )
            chain = about(snap, holder)
            if orphan is not None:
                chain = (Ref("Service", head, space), *about(snap, orphan), *chain)
            summary = f"{holder.name} calls {host}, which is no Service"
            sure = 0.95 if orphan else CAUSE if near or said else None
            yield Hit(chain, facts, summary, sure)


def _lost(snap: Snapshot, holder: Thing) -> Iterator[tuple[str, str, int | None, str]]:
    """Variable, host, port and namespace of addresses that lead to no Service."""
    if not snap.is_listed("Service"):
        return
    for name, host, port in addresses(holder):
        parts = host.split(".")
        is_inside = len(parts) == 1 or "svc" in parts
        if not is_inside or host in _NO_HOSTS or not _is_host(name, host, port):
            continue
        space = parts[1] if len(parts) > 1 else holder.namespace
        is_known = any(s.namespace in {space, ""} for s in snap.of("Service"))
        if is_known and service_named(snap, host, space) is None:
            yield name, host, port, space


def _is_host(name: str, host: str, port: int | None) -> bool:
    """A bare word is a host only under a name that says so, or with a port."""
    return (
        port is not None
        or bool(re.search(r"(HOST|ADDR|ADDRESS|URL|URI|ENDPOINT)S?$", name))
        or "." in host
    )


@rule(Fault.ROUTING, "Service", UNFELT)
def address_has_wrong_port(snap: Snapshot) -> Iterator[Hit]:
    """An address in the environment names a Service that is there, and a port it does not have."""
    for holder in holders(snap):
        for name, host, port in addresses(holder):
            service = service_named(snap, host, holder.namespace)
            if service is None or port is None:
                continue
            known = {
                int(p["port"])
                for p in service.items("spec", "ports")
                if str(p.get("port")).isdigit()
            }
            is_headless = service.text("spec", "clusterIP") == "None"
            if not known or port in known or is_headless:
                continue
            changed = _others_say(snap, host, port, known)
            culprit = (
                (service.ref, *about(snap, holder))
                if changed
                else (*about(snap, holder), service.ref)
            )
            facts = (
                f"{holder.ref} env {name}={host}:{port}",
                f"{service.ref} ports {', '.join(map(str, sorted(known)))}",
            )
            felt = is_felt(snap, holder) or is_felt(snap, service)
            summary = f"{holder.name} calls {host} on port {port}"
            yield Hit(culprit, facts, summary, CAUSE if felt else None)


def _others_say(snap: Snapshot, host: str, port: int, known: set[int]) -> bool:
    """Everybody who calls it uses another port than it has: then the Service is what changed."""
    used = {p for h in holders(snap) for _, to, p in addresses(h) if to == host and p is not None}
    return used == {port} and len(_callers(snap, host)) >= 2 and not used & known


def _callers(snap: Snapshot, host: str) -> list[Thing]:
    return [h for h in holders(snap) if any(to == host for _, to, _ in addresses(h))]


@rule(Fault.ROUTING, "Debug Services", STATE)
def service_without_endpoints(snap: Snapshot) -> Iterator[Hit]:
    """A Service has no ready endpoint, because the pods it selects are not ready or not there."""
    for service in snap.of("Service"):
        if not selector(service) or snap.addresses(service) != 0:
            continue
        pods = _pods_for(snap, service)
        bad = [p for p in pods if not is_ready(p)]
        held = behind(snap, service)
        if bad:
            second = f"{bad[0].ref} not ready"
        elif held:
            second = f"{held[0].ref} wants {wanted(held[0])} pods"
        else:
            continue
        chain = (*(r for h in held[:1] for r in about(snap, h)), service.ref)
        facts = f"Endpoints/{service.name} <none>", second
        yield Hit(chain, facts, f"{service.name} has nobody to answer", 0.4)


def _backends(ingress: Thing) -> Iterator[Json]:
    default = ingress.part("spec", "defaultBackend")
    if default:
        yield default
    for one in ingress.items("spec", "rules"):
        for path in items_of(one, "http", "paths"):
            yield part_of(path, "backend")


@rule(Fault.ROUTING, "Ingress")
def ingress_leads_nowhere(snap: Snapshot) -> Iterator[Hit]:
    """An Ingress sends to a Service or a port of it that is not there."""
    for ingress in snap.of("Ingress"):
        for backend in _backends(ingress):
            to = part_of(backend, "service")
            name = str(to.get("name") or backend.get("serviceName") or "")
            number = part_of(to, "port").get("number") or part_of(to, "port").get("name")
            service = snap.find("Service", name, ingress.namespace)
            if not name or (service is None and not snap.is_listed("Service")):
                continue
            known = (
                [
                    str(p[k])
                    for p in service.items("spec", "ports")
                    for k in ("port", "name")
                    if p.get(k)
                ]
                if service
                else []
            )
            if service is None or (number and known and str(number) not in known):
                second = (
                    f"{service.ref} ports {', '.join(known)}" if service else f"no Service {name}"
                )
                facts = f"{ingress.ref} backend {name}:{number}", second
                chain = (
                    ingress.ref,
                    service.ref if service else Ref("Service", name, ingress.namespace),
                )
                yield Hit(
                    chain, facts, f"{ingress.name} sends to {name}:{number}, which is not there"
                )


RULES = (
    selector_matches_no_pod,
    target_port_wrong,
    protocol_wrong,
    address_names_no_service,
    address_has_wrong_port,
    service_without_endpoints,
    ingress_leads_nowhere,
)
