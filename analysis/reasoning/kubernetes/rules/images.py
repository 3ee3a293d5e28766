"""Images that cannot be pulled: the reference, the credentials, or the way to the registry."""

import re
from collections.abc import Iterator

from analysis.reasoning.kubernetes.findings import Fault, Hit, rule
from analysis.reasoning.kubernetes.model import Snapshot, Thing
from analysis.reasoning.kubernetes.pods import (
    about,
    containers,
    items_of,
    pod_spec,
    states,
    troubled_pods,
)

_WAITS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_DENIED = re.compile(
    r"unauthorized|authentication required|no basic auth|denied: |forbidden|\b401\b|\b403\b"
    r"|insufficient_scope|authorization failed",
    re.IGNORECASE,
)
_ABSENT = re.compile(
    r"not found|manifest unknown|does not exist|couldn't parse|invalid reference", re.IGNORECASE
)
_UNREACHABLE = re.compile(
    r"no such host|i/o timeout|connection refused|temporary failure in name resolution"
    r"|server misbehaving|network is unreachable|x509|context deadline",
    re.IGNORECASE,
)


def _pulling(snap: Snapshot) -> Iterator[tuple[Thing, str, str]]:
    """Pods that wait for an image: the pod, its waiting line, the message that says why."""
    for pod in troubled_pods(snap):
        waiting = next((s for s in states(pod) if s.reason in _WAITS), None)
        if waiting is None:
            continue
        events = snap.events_of(pod, "Failed", "InspectFailed", "BackOff", "ErrImageNeverPull")
        told = [waiting.message, *(e.message for e in events)]
        useful = [m for m in told if m and not m.startswith(("Error: ", "Back-off"))]
        yield pod, f"{pod.ref} {waiting.line}", max(useful, key=_telling, default="")


def _telling(message: str) -> tuple[int, int]:
    known = any(p.search(message) for p in (_DENIED, _ABSENT, _UNREACHABLE))
    return int(known), len(message)


def _image(snap: Snapshot, pod: Thing) -> str:
    specified = pod if containers(pod) else (snap.workload_of(pod) or pod)
    return ", ".join(str(c.get("image")) for c in containers(specified, with_init=True))


@rule(Fault.IMAGE, "Images")
def image_reference_wrong(snap: Snapshot) -> Iterator[Hit]:
    """A pod waits for its image, and the name cannot be read or the registry has no such image.

    Reasons `ErrImagePull`, `ImagePullBackOff`, `InvalidImageName`, `ErrImageNeverPull`; joined
    with the reference the pod asks for. Also where no message says more than that it waits.
    """
    for pod, waiting, why in _pulling(snap):
        image = _image(snap, pod)
        is_other = (_DENIED.search(why) or _UNREACHABLE.search(why)) and not _ABSENT.search(why)
        if is_other or not (image or why):
            continue
        second = f"image: {image}" + (f"; {why}" if why else "")
        yield Hit(about(snap, pod), (waiting, second), f"{pod.name} cannot pull {image}")


@rule(Fault.IMAGE, "Pull an Image from a Private Registry")
def image_pull_denied(snap: Snapshot) -> Iterator[Hit]:
    """A pod waits for its image, and the registry refuses the pull for want of credentials.

    Joined with the pull secrets the pod names: none, or one that is not there.
    """
    for pod, waiting, why in _pulling(snap):
        if (
            not _DENIED.search(why)
            or _ABSENT.search(why.split("pull access denied")[0]) is not None
        ):
            continue
        names = [str(s.get("name")) for s in items_of(pod_spec(pod), "imagePullSecrets")]
        gone = [n for n in names if snap.is_absent("Secret", n, pod.namespace)]
        secrets = f"pull secret {gone[0]} is not there" if gone else f"imagePullSecrets: {names}"
        yield Hit(
            about(snap, pod),
            (f"{waiting}; {secrets}", why),
            f"the registry refuses {_image(snap, pod)} to {pod.name}",
        )


@rule(Fault.IMAGE, "Images")
def registry_unreachable(snap: Snapshot) -> Iterator[Hit]:
    """A pod waits for its image, and the node cannot reach or resolve the registry."""
    for pod, waiting, why in _pulling(snap):
        if _UNREACHABLE.search(why):
            image = _image(snap, pod)
            yield Hit(
                about(snap, pod), (waiting, why), f"the registry of {image} cannot be reached"
            )


RULES = (image_reference_wrong, image_pull_denied, registry_unreachable)
