"""The one source of time. Tests replace it with `frozen`; engines take `now` as an argument."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

_frozen: ContextVar[datetime | None] = ContextVar("airra_clock", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


class Hands:
    """Moves a frozen clock."""

    def advance(self, **delta: float) -> datetime:
        moved = now() + timedelta(**delta)
        _frozen.set(moved)
        return moved


@contextmanager
def frozen(at: datetime) -> Iterator[Hands]:
    """Stop the clock at `at` within the block (this thread and task only)."""
    token = _frozen.set(at)
    try:
        yield Hands()
    finally:
        _frozen.reset(token)
