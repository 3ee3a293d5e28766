"""How much a sender may deliver in a minute, and how much of a forger's is kept.

A fixed window, shared by all web processes through the cache. A process takes its permits in small
lots, so that most deliveries ask nobody. A cache that is down lets everything through.
"""

import threading
from dataclasses import dataclass
from math import ceil

from django.core.cache import cache

from airra.lib import clock
from airra.lib.jobs import CACHE_IS_DOWN
from incidents.api.bodies import Refused
from incidents.models import Integration

UNTRUSTED_PER_MIN = 60
_WINDOW_S = 60
_MOST_LOTS = 5000
_MOST_AT_ONCE = 500


@dataclass
class _Lot:
    """What this process still holds of a window; `is_spent`: nothing more is to be had of it."""

    window: int
    left: int = 0
    is_spent: bool = False


_lots: dict[str, _Lot] = {}
_lock = threading.Lock()


def admit(integration: Integration) -> None:
    """Take one permit of this sender's minute. Raises `Refused`, saying when to come back."""
    wait_s = _take(f"in:{integration.pk}", integration.rate_per_min)
    if wait_s:
        told = f"more than {integration.rate_per_min} deliveries in a minute: wait {wait_s} s"
        raise Refused(429, told, Retry_After=str(wait_s))


def may_keep_forgery(integration: Integration) -> bool:
    """Whether another body that is not proven is kept in this minute."""
    with _lock:
        lot = _lots.get(f"no:{integration.pk}")
    return lot is None or not lot.is_spent or lot.window != _window()


def count_forgery(integration: Integration) -> None:
    """A forgery costs its true sender nothing: it has a budget of its own."""
    with _lock:
        lot = _lots.get(f"in:{integration.pk}")
        if lot is not None and lot.window == _window():
            lot.left += 1
    _take(f"no:{integration.pk}", UNTRUSTED_PER_MIN)


def _window() -> int:
    return int(clock.now().timestamp()) // _WINDOW_S


def _take(key: str, per_min: int) -> int:
    """0 when there was a permit, or the seconds until the next window."""
    now_s = clock.now().timestamp()
    window = int(now_s) // _WINDOW_S
    with _lock:
        lot = _lots.get(key)
        if lot is None or lot.window != window:
            lot = _lots[key] = _Lot(window)
            _forget(window)
        if not lot.left and not lot.is_spent:
            lot.left = _more(f"airra:rate:{key}:{window}", per_min)
            lot.is_spent = not lot.left
        if lot.left:
            lot.left -= 1
            return 0
    return max(ceil((window + 1) * _WINDOW_S - now_s), 1)


def _more(key: str, per_min: int) -> int:
    """A lot from the shared count: a hundredth of what is allowed, or what is left of it."""
    size = max(1, min(_MOST_AT_ONCE, per_min // 100))
    try:
        cache.add(key, 0, _WINDOW_S * 2)
        taken = cache.incr(key, size)
    except (*CACHE_IS_DOWN, ValueError):  # ValueError: it ran out between the two
        return size
    return max(0, min(size, per_min - (int(taken) - size)))


def _forget(window: int) -> None:
    if len(_lots) > _MOST_LOTS:
        for key in [key for key, lot in _lots.items() if lot.window != window]:
            del _lots[key]
