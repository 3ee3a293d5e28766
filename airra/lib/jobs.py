"""Jobs by name: commands enqueue, tasks register, and neither imports the other.

The database is the truth and the queue only wakes (house rule 1): a message that is lost, doubled
or late does no harm, because every job re-reads its row and the sweep wakes what was forgotten.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import wraps
from typing import Any

import structlog
from celery import current_app
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from airra.lib.roles import require_role
from airra.lib.spared import Spared

log = structlog.get_logger(__name__)

CACHE_IS_DOWN = (RedisError, OSError)
_ALONE_S = 10
_RELIED_ON_S = 0.1
_seen_held: dict[str, float] = {}
_broker = Spared()


class Job(StrEnum):
    PROCESS_DELIVERY = "incidents.process_delivery"
    DRAIN_DELIVERIES = "incidents.drain_deliveries"
    CONFIRM_SUBSCRIPTION = "incidents.confirm_subscription"
    TRY_RULE = "incidents.try_rule"
    VERIFY_AUDIT = "incidents.verify_audit"
    SCAN = "analysis.scan"
    WATCH = "analysis.watch"
    LEARN_TOPOLOGY = "analysis.learn_topology"
    INVESTIGATE = "analysis.investigate"
    PLAN = "remediation.plan"
    ASK = "remediation.ask"
    EXECUTE = "remediation.execute"
    PROBE = "remediation.probe"
    VERIFY = "remediation.verify"
    NOTIFY = "remediation.notify"
    SWEEP_INCIDENTS = "incidents.sweep"
    SWEEP_ANALYSIS = "analysis.sweep"
    SWEEP_REMEDIATION = "remediation.sweep"


QUEUES = ("default", "slow", "act")
_queue_of: dict[Job, str] = {}


def job(name: Job, *, queue: str = "default", late: bool = True) -> Callable[..., Any]:
    """Register a function under a job name.

    `late` acknowledges the message after the work, so that a killed worker's message comes back;
    jobs that change production set it False: for them a crash means UNKNOWN, never a second try.
    A process whose role the queue is not for raises `WrongRole` instead of beginning.
    """
    if queue not in QUEUES:
        msg = f"unknown queue {queue!r}; one of {', '.join(QUEUES)}"
        raise ValueError(msg)

    def register(function: Callable[..., None]) -> Any:
        _queue_of[name] = queue

        @wraps(function)
        def in_its_role(**ids: str) -> None:
            require_role(queue)
            function(**ids)

        return current_app.task(name=name.value, acks_late=late, ignore_result=True, shared=True)(
            in_its_role
        )

    return register


def enqueue(name: Job, **ids: str) -> None:
    """Wake a job after the surrounding transaction commits; nothing is sent on rollback.

    An unknown name raises at once. A broker that is down is logged and left to the sweep; until a
    few seconds later nobody else waits for it.
    """
    if name not in _queue_of:
        current_app.loader.import_default_modules()
    task = current_app.tasks[name.value]

    def send() -> None:
        if not _broker.may_try():
            return
        try:
            task.apply_async(kwargs=ids, queue=_queue_of[name])
        except OperationalError as error:
            _broker.failed()
            log.warning("broker_unreachable", job=name.value, error=str(error), **ids)
        else:
            _broker.succeeded()

    transaction.on_commit(send)


def enqueue_once(name: Job, **ids: str) -> None:
    """As `enqueue`, but nothing is sent while the same job waits or runs.

    For jobs that do all there is to do, over `Alone`: a thousand rows then send one message, not a
    thousand. That it is held is asked of the cache at most every `_RELIED_ON_S` in a process. A
    cache that is down lets every message through.
    """

    def send() -> None:
        key = _key_of(name, ids)
        now = time.monotonic()
        if now - _seen_held.get(key, -1.0) < _RELIED_ON_S:
            return
        if not _is_eager():
            _seen_held[key] = now  # before it asks, so that not every thread of a burst does
        if _is_first(key):
            enqueue(name, **ids)

    transaction.on_commit(send)


class Alone:
    """What a job of `enqueue_once` holds while it runs: `stay` now and then, and `end` at the end.

    Whoever writes a row after `end` sends a new message, so look once more after it: `end` waits
    for those who had just seen it held. A job that dies holds it for `_ALONE_S`.
    """

    def __init__(self, name: Job, **ids: str) -> None:
        self._key = _key_of(name, ids)

    def stay(self) -> None:
        with suppress(*CACHE_IS_DOWN):
            cache.set(self._key, 1, _ALONE_S)

    def is_held(self) -> bool:
        with suppress(*CACHE_IS_DOWN):
            return cache.get(self._key) is not None
        return False

    def end(self) -> None:
        with suppress(*CACHE_IS_DOWN):
            cache.delete(self._key)
        if not _is_eager():
            time.sleep(2 * _RELIED_ON_S)


def _is_eager() -> bool:
    """Whether jobs run in their caller, where nothing is ever on its way."""
    return bool(current_app.conf.task_always_eager)


def _key_of(name: Job, ids: dict[str, str]) -> str:
    return ":".join(["airra:once", name.value, *(ids[key] for key in sorted(ids))])


def _is_first(key: str) -> bool:
    try:
        return bool(cache.add(key, 1, _ALONE_S))
    except CACHE_IS_DOWN as error:
        log.warning("cache_unreachable", key=key, error=str(error))
        return True
