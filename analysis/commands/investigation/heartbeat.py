"""Keeps the lease of an investigation while its worker waits for a model that takes its time.

A call may be silent for minutes, longer than the lease. Without this a second worker would take the
investigation up and pay for it again; when the process dies the beat dies with it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial

import structlog
from django.db import DatabaseError, connection, connections

from analysis.commands.investigation.lease import LEASE, renew
from analysis.models import Investigation

log = structlog.get_logger(__name__)

EVERY_S = LEASE.total_seconds() / 3


@contextmanager
def beating(investigation: Investigation, *, every_s: float = EVERY_S) -> Iterator[None]:
    """Renew the lease from a thread of its own.

    Inside a transaction neither that thread nor a rival would see the row: then there is none.
    """
    if connection.in_atomic_block:
        yield
        return
    over = threading.Event()
    work = partial(copy_context().run, _beat, investigation, over, every_s)
    thread = threading.Thread(target=work, name="investigation-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(investigation: Investigation, over: threading.Event, every_s: float) -> None:
    try:
        while not over.wait(every_s):
            try:
                renew(investigation)
            except DatabaseError:  # the next beat comes in time
                log.warning("investigation_beat_missed", investigation=str(investigation.pk))
    finally:
        connections.close_all()
