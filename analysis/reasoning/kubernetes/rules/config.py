"""ConfigMaps, Secrets and keys a pod needs and does not find."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Json, Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    containers,
    holders,
    is_troubled,
    items_of,
    logs_of,
    part_of,
    pod_spec,
    states,
    status_line,
    troubled_pods,
)

_NOT_FOUND = re.compile(r'(configmaps?|secrets?) "([^"]+)" not found', re.IGNORECASE)
_UNSET = re.compile(
    r"(?:environment variable|env var(?:iable)?)s?[:\s]+[\"'`]?([A-Z][A-Z0-9_]{2,})[\"'`]?\s+"
    r"(?:is |was )?(?:not set|not defined|missing|required|unset|empty|must be set)"
    r"|(?:missing|required|unset) (?:required )?(?:environment variable|env var(?:iable)?)s?[:\s]+"
    r"[\"'`]?([A-Z][A-Z0-9_]{2,})",
    re.IGNORECASE,
)
_NO_KEY = re.compile(
    r"couldn't find key (\S+) in (ConfigMap|Secret) (?:[\w.-]+/)?([\w.-]+)"
    r"|references non-existent (?:config|secret) key: (\S+)",
    re.IGNORECASE,
)
_REFERENCES = (  # where a container or volume names one: path, kind, field of the name
    (("configMapKeyRef",), "ConfigMap"),
    (("secretKeyRef",), "Secret"),
)


def _waiting(
    snap: Snapshot, pattern: re.Pattern[str]
) -> Iterator[tuple[Thing, str, re.Match[str]]]:
    """Pods not ready whose waiting message or present warning meets the pattern."""
    for pod in troubled_pods(snap):
        told = [f"{s.reason}: {s.message}" for s in states(pod) if s.message]
        told += [e.line for e in snap.events_of(pod, "Failed", "FailedMount")]
        for text in told:
            if found := pattern.search(text):
                yield pod, text, found
                break


def _missing(snap: Snapshot, kind: str) -> Iterator[Hit]:
    for pod, text, found in _waiting(snap, _NOT_FOUND):
        name = found[2].split("/")[-1]
        if not found[1].lower().startswith(kind.lower()):
            continue
        if snap.find(kind, name, pod.namespace) is not None and snap.is_listed(kind):
            continue  # it is there by now
        gone = snap.is_absent(kind, name, pod.namespace)
        second = f"{kind}/{name} is not among the {kind}s" if gone else status_line(pod)
        chain = (*about(snap, pod), Ref(kind, name, pod.namespace))
        yield Hit(chain, (text, second), f"{pod.name} needs {kind} {name}, which is not there")
    yield from _referenced(snap, kind)


def _referenced(snap: Snapshot, kind: str) -> Iterator[Hit]:
    """Named in the spec, not there, and the workload is short of pods."""
    for holder in holders(snap):
        if not is_troubled(snap, holder):
            continue
        for name, _, where in references(holder, kind):
            if snap.is_absent(kind, name, holder.namespace):
                chain = (*about(snap, holder), Ref(kind, name, holder.namespace))
                facts = f"{holder.ref} {where}: {kind} {name}", f"{kind}/{name} is not there"
                yield Hit(chain, facts, f"{holder.name} needs {kind} {name}, which is not there")


def references(holder: Thing, kind: str) -> Iterator[tuple[str, str, str]]:
    """Name, key and place of every ConfigMap or Secret the spec needs; optional ones left out."""
    for container in containers(holder, with_init=True):
        for variable in items_of(container, "env"):
            for (field,), of in _REFERENCES:
                to = part_of(variable, "valueFrom", field)
                if of == kind and to.get("name") and to.get("optional") is not True:
                    yield str(to["name"]), str(to.get("key") or ""), f"env {variable.get('name')}"
        for source in items_of(container, "envFrom"):
            to = part_of(source, "configMapRef" if kind == "ConfigMap" else "secretRef")
            if to.get("name") and to.get("optional") is not True:
                yield str(to["name"]), "", "envFrom"
    for volume in items_of(pod_spec(holder), "volumes"):
        yield from _of_volume(volume, kind)


def _of_volume(volume: Json, kind: str) -> Iterator[tuple[str, str, str]]:
    to = part_of(volume, "configMap" if kind == "ConfigMap" else "secret")
    name = to.get("name") or to.get("secretName")
    if name and to.get("optional") is not True:
        for item in items_of(to, "items") or [{}]:
            yield str(name), str(item.get("key") or ""), f"volume {volume.get('name')}"


@rule(Fault.CONFIG, "Configure a Pod to Use a ConfigMap")
def config_map_missing(snap: Snapshot) -> Iterator[Hit]:
    """A pod cannot start for a ConfigMap, and no ConfigMap of that name is there.

    Waiting with `CreateContainerConfigError`, or `FailedMount` for a volume.
    """
    yield from _missing(snap, "ConfigMap")


@rule(Fault.SECRET, "Secrets")
def secret_missing(snap: Snapshot) -> Iterator[Hit]:
    """A pod cannot start for a Secret, and no Secret of that name is there."""
    yield from _missing(snap, "Secret")


def _keys_missing(snap: Snapshot, kind: str) -> Iterator[Hit]:
    for pod, text, found in _waiting(snap, _NO_KEY):
        of, name = found[2] or kind, found[3] or ""
        if of.lower() == kind.lower():
            chain = (*about(snap, pod), Ref(kind, name, pod.namespace))
            yield Hit(chain, (text, status_line(pod)), f"{pod.name} needs a key {kind} lacks")
    for holder in holders(snap):
        for name, key, where in references(holder, kind):
            held = snap.find(kind, name, holder.namespace)
            keys = (
                {*held.part("data"), *held.part("binaryData"), *held.part("stringData")}
                if held
                else set()
            )
            if key and keys and key not in keys and is_troubled(snap, holder):
                chain = (*about(snap, holder), Ref(kind, name, holder.namespace))
                facts = (
                    f"{holder.ref} {where}: key {key} of {kind} {name}",
                    f"its keys: {sorted(keys)}",
                )
                yield Hit(chain, facts, f"{kind} {name} has no key {key}")


@rule(Fault.CONFIG, "Configure a Pod to Use a ConfigMap")
def config_key_missing(snap: Snapshot) -> Iterator[Hit]:
    """A pod asks for a key, and the ConfigMap is there without it."""
    yield from _keys_missing(snap, "ConfigMap")


@rule(Fault.SECRET, "Secrets")
def secret_key_missing(snap: Snapshot) -> Iterator[Hit]:
    """A pod asks for a key, and the Secret is there without it."""
    yield from _keys_missing(snap, "Secret")


@rule(Fault.SECRET, "Configure Service Accounts for Pods")
def service_account_missing(snap: Snapshot) -> Iterator[Hit]:
    """Pods of a workload cannot be created, and the service account they name is not there."""
    pattern = re.compile(r'serviceaccounts? "([^"]+)" not found')
    for holder in holders(snap):
        name = str(pod_spec(holder).get("serviceAccountName") or "")
        said = _refused(snap, holder, pattern)
        if said:
            missing = pattern.search(said)
            name = missing[1].split("/")[-1] if missing else name
        gone = bool(name) and snap.is_absent("ServiceAccount", name, holder.namespace)
        present = snap.find("ServiceAccount", name, holder.namespace) is not None
        if not is_troubled(snap, holder) or not (gone or (said and not present)):
            continue
        second = f"ServiceAccount/{name} is not there" if gone else "fewer pods than are wanted"
        first = said or f"{holder.ref} serviceAccountName: {name}"
        chain = (*about(snap, holder), Ref("ServiceAccount", name, holder.namespace))
        yield Hit(chain, (first, second), f"{holder.name} runs as {name}, which is not there")


def _refused(snap: Snapshot, holder: Thing, pattern: re.Pattern[str]) -> str:
    events = snap.events_below(holder, "FailedCreate")
    return next((e.line for e in events if pattern.search(e.message)), "")


@rule(Fault.CONFIG, "Define Environment Variables for a Container")
def variable_missing(snap: Snapshot) -> Iterator[Hit]:
    """A container logs that a variable is not set, and its spec does not set it."""
    for holder in holders(snap):
        known = {str(v.get("name")) for c in containers(holder) for v in items_of(c, "env")}
        taken = any(items_of(c, "envFrom") for c in containers(holder))
        for text in logs_of(snap, holder):
            found = _UNSET.search(text)
            name = next((w for w in found.groups() if w), "") if found else ""
            if not name or name in known or taken or not containers(holder):
                continue
            second = f"{holder.ref} sets {', '.join(sorted(known)) or 'no variable'}"
            yield Hit(about(snap, holder), (text, second), f"{holder.name} lacks {name}")
            break


@rule(Fault.CONFIG, "Configure a Pod to Use a ConfigMap", 0.7)
def container_cannot_be_configured(snap: Snapshot) -> Iterator[Hit]:
    """A container waits in `CreateContainerConfigError`, and its spec needs a ConfigMap or Secret.

    Which of them fails is not known: a rule that knows says more.
    """
    for pod in troubled_pods(snap):
        waits = next((s for s in states(pod) if s.reason == "CreateContainerConfigError"), None)
        holder = pod if containers(pod) else (snap.workload_of(pod) or pod)
        needed = [
            f"{where} of {kind} {name}"
            for kind in ("ConfigMap", "Secret")
            for name, _, where in references(holder, kind)
        ]
        if waits and needed:
            facts = f"{pod.ref} {waits.line}", f"it needs {', '.join(needed)}"
            yield Hit(about(snap, pod), facts, f"{pod.name} cannot be configured")


RULES = (
    config_map_missing,
    secret_missing,
    config_key_missing,
    secret_key_missing,
    service_account_missing,
    variable_missing,
    container_cannot_be_configured,
)
