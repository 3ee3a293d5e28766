"""When the beat last reached a worker: written by the sweep, read by the readiness check."""

from datetime import datetime

from django.core.cache import cache

from airra.lib import clock, metrics

_KEY = "airra:heartbeat"


def beat(app: str) -> None:
    """Note that the sweep of `app` ran now."""
    now = clock.now()
    metrics.HEARTBEAT.labels(app=app).set(now.timestamp())
    cache.set(_KEY, now.isoformat(), timeout=None)


def last() -> datetime | None:
    """The last beat of any app; None when there was none since the cache began."""
    stored = cache.get(_KEY)
    return datetime.fromisoformat(stored) if stored else None
