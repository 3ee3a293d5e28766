"""Waits for an answer of PostgreSQL that end, although it holds the connection and says nothing.

TCP's own bounds notice a machine that is gone. One whose process is stopped, or whose disk hangs,
takes every byte and answers none, and a time limit that PostgreSQL keeps is stopped with it.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

from psycopg import Connection, OperationalError

from airra.lib.patience import most_s

T = TypeVar("T")


class BoundConnection(Connection[Any]):
    """As psycopg's own, but for what `airra.lib.patience` says."""

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        bound_s = most_s()
        if bound_s is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_ended(gen, bound_s), *args, **kwargs)
        except _NoAnswer as error:
            self.pgconn.finish()  # what was asked may still be done: nobody may ask here again
            msg = f"PostgreSQL gave no answer within {bound_s:g} s"
            raise OperationalError(msg) from error


class _NoAnswer(Exception):
    pass


def _ended(gen: Generator[Any, Any, T], bound_s: float) -> Generator[Any, Any, T]:
    """The same steps. Psycopg wakes it ten times a second while nothing has come."""
    until = time.monotonic() + bound_s
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= until:
                raise _NoAnswer
            wanted = gen.send(ready)
    except StopIteration as done:
        result: T = done.value
        return result
