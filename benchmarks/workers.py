"""One Celery worker and two, looking through the same detectors: PostgreSQL and Redis needed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, sleep

from celery import current_app
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet

from airra.lib import clock
from analysis.commands import watch
from analysis.models import Connector, Detector
from benchmarks.looks import make_detector
from tools.stack import answers, free_port, wait_for

SOURCES, EACH, SERIES, ROUNDS, STEP_S = 4, 3, 5_000, 3, 2
_NAME = "benchmark source "


@dataclass(frozen=True)
class Shared:
    """Seconds of one round over all detectors, by one worker and by two."""

    series: int
    one_s: float
    two_s: float
    times_as_fast: float


def measure() -> Shared:
    """Raises SystemExit without PostgreSQL and Redis: the in-process queue has one worker."""
    if not settings.REDIS_URL or connection.vendor != "postgresql":
        sys.exit("--workers needs AIRRA_DATABASE_URL (PostgreSQL) and AIRRA_REDIS_URL")
    call_command("migrate", verbosity=0)
    Connector.objects.filter(name__startswith=_NAME).delete()  # of an earlier run
    port = free_port()
    source = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.source", f"--port={port}", f"--series={SERIES}"]
    )
    try:
        wait_for("the source", lambda: answers(f"http://127.0.0.1:{port}"), within_s=30)
        for number in range(SOURCES * EACH):
            name = f"{_NAME}{number % SOURCES}"
            make_detector(f"http://127.0.0.1:{port}", name, f"metric_{number}")
        _ours().update(step_s=STEP_S, history_s=60 * STEP_S)
        one_s, two_s = _round_s(1), _round_s(2)
    finally:
        source.terminate()
    return Shared(SOURCES * EACH * SERIES, one_s, two_s, one_s / two_s)


def _ours() -> QuerySet[Detector]:
    return Detector.objects.filter(connector__name__startswith=_NAME)


def _round_s(workers: int) -> float:
    """The best of some rounds, after one that fills the memories."""
    with _running(workers):
        _one_round()
        return min(_one_round() for _ in range(ROUNDS))


def _one_round() -> float:
    """Everything due at once; seconds until the last of it has been looked through."""
    sleep(2 * STEP_S)  # so that there is something new to look at
    now = clock.now()
    ours = _ours()
    ours.update(next_run_at=now, lease_until=None)
    began = perf_counter()
    watch.scan()
    wait_for(
        "the round",
        lambda: ours.filter(last_run_at__gte=now).count() == SOURCES * EACH,
        within_s=300,
        every_s=0.04,
    )
    return perf_counter() - began


@contextmanager
def _running(workers: int) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "airra", "worker", "--pool=solo"]
    quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle"]
    started = [
        subprocess.Popen([*command, *quiet, f"--hostname=bench{number}@%h"])
        for number in range(workers)
    ]
    try:
        inspect = current_app.control.inspect(timeout=1)
        wait_for("the workers", lambda: len(inspect.ping() or {}) == workers, within_s=60)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)
