"""Claims that do not bind and volumes that do not mount."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import CAUSE, STATE, Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Ref, Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    holders,
    is_ready,
    is_troubled,
    items_of,
    logs_of,
    part_of,
    pod_spec,
    status_line,
    troubled_pods,
)
from analysis.reasoning.kubernetes.quantities import quantity

_DENIED = re.compile(
    r"permission denied|read-only file system|EACCES|operation not permitted", re.IGNORECASE
)
_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_MOUNTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeFailedMount")


def _unbound(snap: Snapshot) -> list[Thing]:
    return [
        c
        for c in snap.of("PersistentVolumeClaim")
        if c.text("status", "phase") in {"Pending", "Lost"}
    ]


def _users(snap: Snapshot, claim: Thing) -> list[Thing]:
    return [h for h in holders(snap) if claim.name in _claims(h) and h.namespace == claim.namespace]


def _claims(holder: Thing) -> list[str]:
    names = [
        str(part_of(v, "persistentVolumeClaim").get("claimName"))
        for v in items_of(pod_spec(holder), "volumes")
        if part_of(v, "persistentVolumeClaim")
    ]
    templates = [
        str(part_of(t, "metadata").get("name"))
        for t in holder.items("spec", "volumeClaimTemplates")
    ]
    return [*names, *(f"{t}-{holder.name}-{i}" for t in templates for i in range(10))]


def _chain(snap: Snapshot, claim: Thing, *also: Ref) -> tuple[Ref, ...]:
    users = [ref for h in _users(snap, claim) for ref in about(snap, h)]
    return (*users, claim.ref, *also) if users else (claim.ref, *also)


def _line(claim: Thing) -> str:
    name = claim.text("spec", "storageClassName")
    return f"{claim.ref} {claim.text('status', 'phase')}, storageClassName {name or '<none>'}"


@rule(Fault.STORAGE, "Storage Classes")
def storage_class_missing(snap: Snapshot) -> Iterator[Hit]:
    """A claim is pending, and the storage class it names is not there, nor a volume of it."""
    for claim in _unbound(snap):
        name = claim.text("spec", "storageClassName")
        if not name or snap.find("StorageClass", name):
            continue
        if any(
            _is_free(v) and v.text("spec", "storageClassName") == name
            for v in snap.of("PersistentVolume")
        ):
            continue
        events = [
            e
            for e in snap.events_of(claim)
            if "not found" in e.message and "torageclass" in e.message.lower()
        ]
        if snap.is_listed("StorageClass") or events:
            second = events[-1].line if events else f"StorageClass/{name} is not there"
            yield Hit(
                _chain(snap, claim), (_line(claim), second), f"{claim.name} names class {name}"
            )


def _is_free(volume: Thing) -> bool:
    return volume.text("status", "phase") == "Available"


@rule(Fault.STORAGE, "Persistent Volumes")
def no_volume_fits_claim(snap: Snapshot) -> Iterator[Hit]:
    """A claim is pending, and every free volume differs in class, size, access mode or label.

    Or the volume it names belongs to another claim already.
    """
    for claim in _unbound(snap):
        named = claim.text("spec", "volumeName")
        taken = snap.find("PersistentVolume", named) if named else None
        holder = taken.text("spec", "claimRef", "name") if taken else ""
        if holder and holder != claim.name and taken:
            facts = _line(claim), f"{taken.ref} is bound to claim {holder}"
            yield Hit(_chain(snap, claim, taken.ref), facts, f"{named} belongs to {holder}")
            continue
        reasons = [
            (v, why)
            for v in snap.of("PersistentVolume")
            if _is_free(v) and (why := _misfit(claim, v))
        ]
        fits = [v for v in snap.of("PersistentVolume") if _is_free(v) and not _misfit(claim, v)]
        if reasons and not fits:
            volume, why = min(reasons, key=lambda r: r[1].count(";"))
            facts = _line(claim), f"{volume.ref} is free, but {why}"
            yield Hit(_chain(snap, claim, volume.ref), facts, f"no volume fits {claim.name}: {why}")


def _misfit(claim: Thing, volume: Thing) -> str:
    wrong = []
    names = claim.text("spec", "storageClassName"), volume.text("spec", "storageClassName")
    if names[0] != names[1]:
        wrong.append(f"its class is {names[1] or '<none>'}, wanted {names[0] or '<none>'}")
    modes = [{str(m) for m in t.part("spec").get("accessModes") or ()} for t in (claim, volume)]
    if modes[0] and modes[1] and not modes[0] <= modes[1]:
        wrong.append(f"its access modes are {sorted(modes[1])}, wanted {sorted(modes[0])}")
    asked = quantity(claim.part("spec", "resources", "requests").get("storage"))
    has = quantity(volume.part("spec", "capacity").get("storage"))
    if asked is not None and has is not None and asked > has:
        wrong.append(f"it holds {has:g} bytes, wanted {asked:g}")
    labels = {str(k): str(v) for k, v in claim.part("spec", "selector", "matchLabels").items()}
    if any(volume.labels.get(k) != v for k, v in labels.items()):
        wrong.append(f"its labels are {volume.labels}, wanted {labels}")
    return "; ".join(wrong)


@rule(Fault.STORAGE, "Persistent Volumes", 0.9)
def claim_unbound(snap: Snapshot) -> Iterator[Hit]:
    """A pod is not ready, and a claim it uses is pending, lost, or not there at all."""
    for holder in holders(snap):
        if not is_troubled(snap, holder):
            continue
        for name in _claims(holder):
            claim = snap.find("PersistentVolumeClaim", name, holder.namespace)
            gone = claim is None and snap.is_absent("PersistentVolumeClaim", name, holder.namespace)
            of_set = bool(holder.items("spec", "volumeClaimTemplates"))
            if (claim and claim in _unbound(snap)) or (gone and not of_set):
                second = _line(claim) if claim else f"PersistentVolumeClaim/{name} is not there"
                pods = [status_line(p) for p in snap.pods_of(holder) if not is_ready(p)]
                ref = claim.ref if claim else Ref("PersistentVolumeClaim", name, holder.namespace)
                facts = pods[0] if pods else f"{holder.ref} is short of pods", second
                yield Hit(
                    (*about(snap, holder), ref),
                    facts,
                    f"{holder.name} waits for claim {name}",
                    CAUSE if gone else None,
                )


@rule(Fault.STORAGE, "Volumes", 0.9)
def volume_cannot_be_mounted(snap: Snapshot) -> Iterator[Hit]:
    """A pod is kept from starting by `FailedMount` or `FailedAttachVolume`, and still is.

    Volumes of ConfigMaps and Secrets that are not there are other rules' matter.
    """
    for pod in troubled_pods(snap):
        for event in reversed(snap.events_of(pod, *_MOUNTS)):
            if re.search(
                r"(configmap|secret)s? \"[^\"]+\" not found|kube-root-ca|non-existent",
                event.message,
            ):
                continue
            yield Hit(about(snap, pod), (event.line, status_line(pod)), f"{pod.name} cannot mount")
            break


@rule(Fault.STORAGE, "Configure a Security Context for a Pod or Container")
def volume_not_writable(snap: Snapshot) -> Iterator[Hit]:
    """A container that mounts a volume logs that it may not write, or that the volume is full."""
    for holder in holders(snap):
        mounts = [
            f"{m.get('mountPath')}{' read-only' if m.get('readOnly') else ''}"
            for c in _containers(holder)
            for m in items_of(c, "volumeMounts")
            if "serviceaccount" not in str(m.get("mountPath"))
        ]
        if not mounts or not is_troubled(snap, holder):
            continue
        for text in logs_of(snap, holder):
            if _DENIED.search(text) or _FULL.search(text):
                facts = f"{holder.ref} mounts {', '.join(mounts)}", text
                yield Hit(
                    about(snap, holder),
                    facts,
                    f"{holder.name} cannot write its volume",
                    CAUSE if any(m.split(" ")[0] in text for m in mounts) else STATE,
                )
                break


def _containers(holder: Thing) -> list[dict[str, object]]:
    return [dict(c) for c in items_of(pod_spec(holder), "containers")]


RULES = (
    storage_class_missing,
    no_volume_fits_claim,
    claim_unbound,
    volume_cannot_be_mounted,
    volume_not_writable,
)
