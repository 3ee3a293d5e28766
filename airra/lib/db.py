"""Writes that mean the same on SQLite and PostgreSQL."""

from typing import Any

from django.db import connection, models


class Conflict(Exception):
    """Somebody else moved the row first. `.newer` is the state it is in now."""

    def __init__(self, obj: models.Model, field: str, expected: object) -> None:
        self.newer = (
            type(obj)._default_manager.filter(pk=obj.pk).values_list(field, flat=True).first()
        )
        super().__init__(
            f"{obj._meta.verbose_name} {obj.pk}: {field} is {self.newer}, not {expected}"
        )


def compare_and_set(
    obj: models.Model, field: str, *, expect: object, to: object, **also: Any
) -> None:
    """Move `field` from `expect` to `to` in one UPDATE, or raise `Conflict`.

    No row locks: SQLite ignores them. Whoever changed the row from the expected state has won.
    """
    changed = (
        type(obj)
        ._default_manager.filter(pk=obj.pk, **{field: expect})
        .update(**{field: to}, **also)
    )
    if changed != 1:
        raise Conflict(obj, field, expect)
    for name, value in {field: to, **also}.items():
        setattr(obj, name, value)


def bound_waits(*, lock_s: float, statement_s: float, idle_s: float) -> None:
    """Let this transaction end rather than keep others waiting; call it first in the transaction.

    `idle_s`: PostgreSQL ends the session of a process that hangs between two statements, and frees
    its locks; whatever that process then does finds no transaction. SQLite waits for its one lock
    as long as `busy_timeout` says, and has no way to end a process that holds it.
    """
    if connection.vendor != "postgresql":
        return
    bounds = {
        "lock_timeout": lock_s,
        "statement_timeout": statement_s,
        "idle_in_transaction_session_timeout": idle_s,
    }
    with connection.cursor() as cursor:
        for name, seconds in bounds.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, f"{seconds * 1000:.0f}ms"])
