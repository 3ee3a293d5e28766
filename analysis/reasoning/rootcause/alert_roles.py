"""What an alert is about, by the words of its metric's name: no system's exact names are known.

An alert storm brings no values, so the name and the direction are all there is to read: which way
bytes went, and which end of a call (a service mesh's source and destination) took the measure.
"""

import re
from enum import StrEnum
from functools import cache

from analysis.reasoning.rootcause.roles import Role, meaning
from analysis.types import CaseAlert


class Signal(StrEnum):
    """What an alert on a metric measures."""

    CPU = "cpu"
    MEMORY = "memory"
    DISK = "disk"
    SENT = "sent"
    RECEIVED = "received"
    LATENCY = "latency"  # as the component itself sees its requests
    CALL_LATENCY = "call_latency"  # as the other end of the calls sees it, network included
    TRAFFIC = "traffic"
    CALL_TRAFFIC = "call_traffic"
    SUCCESS = "success"
    CALL_SUCCESS = "call_success"
    ERRORS = "errors"
    OTHER = "other"


REQUESTS = (
    Signal.LATENCY,
    Signal.CALL_LATENCY,
    Signal.TRAFFIC,
    Signal.CALL_TRAFFIC,
    Signal.SUCCESS,
    Signal.CALL_SUCCESS,
    Signal.ERRORS,
)

_KINDS = {
    Role.CPU: Signal.CPU,
    Role.MEMORY: Signal.MEMORY,
    Role.DISK: Signal.DISK,
    Role.LATENCY: Signal.LATENCY,
    Role.TRAFFIC: Signal.TRAFFIC,
    Role.SUCCESS: Signal.SUCCESS,
    Role.ERRORS: Signal.ERRORS,
}
_SENT = ("transmit", "trainsmit", "tx", "sent", "send", "egress", "out", "outbound")
_RECEIVED = ("receiv", "rx", "recv", "ingress", "in", "inbound")
_OTHER_END = ("src", "source")
_LEFT_OVER = ("free", "avail", "idle", "remain")  # less of it is more of the other
_AS_CALLS = {
    Signal.LATENCY: Signal.CALL_LATENCY,
    Signal.TRAFFIC: Signal.CALL_TRAFFIC,
    Signal.SUCCESS: Signal.CALL_SUCCESS,
}
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+(?:xx)?")
_QUANTILE = re.compile(r"(?:^|[^a-z])(?:p|q|quantile|percentile)[\s_.\-]*\d{2,3}", re.IGNORECASE)
_HURTS_BY_FALLING = (
    Signal.SUCCESS,
    Signal.CALL_SUCCESS,
    Signal.TRAFFIC,
    Signal.CALL_TRAFFIC,
)
_DOWN = ("down", "low", "drop", "below", "decreas", "fall", "-")


@cache
def signal(name: str) -> Signal:
    """What a metric measures.

    >>> signal("container_net_transmit_bytes"), signal("src_p95")
    (<Signal.SENT: 'sent'>, <Signal.CALL_LATENCY: 'call_latency'>)
    """
    words = [word.lower() for word in _SPLIT.findall(name)]
    role = Role.LATENCY if _QUANTILE.search(name) else meaning(name).role
    if role is Role.NETWORK:
        return _on_the_wire(words)
    found = _KINDS.get(role, Signal.OTHER)
    if _begins(words, _OTHER_END):
        return _AS_CALLS.get(found, found)
    return found


def _on_the_wire(words: list[str]) -> Signal:
    if _begins(words, _SENT):
        return Signal.SENT
    return Signal.RECEIVED if _begins(words, _RECEIVED) else Signal.OTHER


def _begins(words: list[str], known: tuple[str, ...]) -> bool:
    """A word of two letters must be the whole word: `io` is no part of `iops`."""
    return any(
        word == start or (len(start) > 2 and word.startswith(start))
        for word in words
        for start in known
    )


def rises(alert: CaseAlert) -> bool:
    """Whether what the metric measures went up; of free memory, idle time and the like, down.

    Where the alert does not say, it went the way that hurts.
    """
    kind = signal(alert.name)
    sense = alert.sense.lower()
    if not sense:
        return kind not in _HURTS_BY_FALLING
    went_up = not sense.startswith(_DOWN)
    words = [word.lower() for word in _SPLIT.findall(alert.name)]
    if kind in (Signal.CPU, Signal.MEMORY, Signal.DISK) and _begins(words, _LEFT_OVER):
        return not went_up
    return went_up
