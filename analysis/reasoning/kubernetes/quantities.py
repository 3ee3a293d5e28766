"""Quantities as Kubernetes writes them: 500m, 1Gi, 2; and ages: 3d4h, 90s."""

import re

_SUFFIX = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
}  # fmt: skip
_QUANTITY = re.compile(r"^([0-9.]+(?:e[0-9]+)?)([a-zA-Z]*)$")
_AGE = re.compile(r"(\d+)(ms|[ydhms])")
_AGE_S = {"y": 365 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def quantity(text: object) -> float | None:
    """In base units: cores, bytes, or a plain count. None where it is no quantity."""
    found = _QUANTITY.match(str(text).strip())
    if found is None or found[2] not in _SUFFIX:
        return None
    return float(found[1]) * _SUFFIX[found[2]]


def age_s(text: object) -> float | None:
    """Seconds of an age as kubectl prints it; of `4m (x5 over 9m)` the first."""
    head = str(text).split("(")[0].strip()
    if re.fullmatch(r"\d+(\.\d+)?", head):
        return float(head)
    parts = _AGE.findall(head)
    return sum(float(n) * _AGE_S[unit] for n, unit in parts) if parts else None
