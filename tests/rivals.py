"""Workers that do the same thing at the same moment, each on a connection of its own."""

import threading
from collections.abc import Callable
from contextvars import copy_context

import pytest
from django.db import connection, connections

# `.ci/run` runs the suite on PostgreSQL too, where these tests do run.
needs_rivals = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="an in-memory database has one connection"
)


def at_once(workers: int, work: Callable[[], object]) -> None:
    """Run it in so many threads as close together as can be; any failure fails the test."""
    barrier = threading.Barrier(workers)
    failures: list[BaseException] = []

    def begin() -> None:
        try:
            barrier.wait(10)
            work()
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    # Each thread in a copy of this context, or it would read another clock.
    threads = [threading.Thread(target=copy_context().run, args=(begin,)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
