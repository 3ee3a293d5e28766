"""How long a request waits for each answer of the database; a job waits as long as it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_most_s: ContextVar[float | None] = ContextVar("airra_patience", default=None)


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """Inside, each single answer is waited for so long; a connection that gives none is closed."""
    token = _most_s.set(seconds)
    try:
        yield
    finally:
        _most_s.reset(token)


def most_s() -> float | None:
    return _most_s.get()
