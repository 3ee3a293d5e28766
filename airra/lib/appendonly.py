"""Database triggers that keep a table append-only, the same on SQLite and PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import migrations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_FUNCTION = """
CREATE OR REPLACE FUNCTION airra_append_only() RETURNS trigger AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation'; END
$$ LANGUAGE plpgsql
"""
_POSTGRES = """
CREATE TRIGGER {table}_no_{verb} BEFORE {VERB} ON {table}
FOR EACH ROW EXECUTE FUNCTION airra_append_only()
"""


def append_only(table: str, *, again: bool = False) -> migrations.RunPython:
    """A migration operation that refuses UPDATE of rows of `table`, and DELETE on PostgreSQL.

    SQLite empties tables by DELETE when Django flushes a test database, so there the refusal of
    a delete is left to the model. `again` after every change of the table: SQLite changes one by
    making a new one, which loses its triggers. Then going back leaves them as they are.
    """

    def verbs(editor: BaseDatabaseSchemaEditor) -> tuple[str, ...]:
        return ("update",) if editor.connection.vendor == "sqlite" else ("update", "delete")

    def create(_: object, editor: BaseDatabaseSchemaEditor) -> None:
        is_sqlite = editor.connection.vendor == "sqlite"
        if not is_sqlite:
            editor.execute(_FUNCTION, params=None)
        for verb in verbs(editor):
            text = (_SQLITE if is_sqlite else _POSTGRES).format(
                table=table, verb=verb, VERB=verb.upper()
            )
            suffix = "" if is_sqlite else f" ON {table}"
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{suffix}", params=None)
            editor.execute(text, params=None)

    def drop(_: object, editor: BaseDatabaseSchemaEditor) -> None:
        suffix = "" if editor.connection.vendor == "sqlite" else f" ON {table}"
        for verb in verbs(editor):
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{suffix}", params=None)

    return migrations.RunPython(create, migrations.RunPython.noop if again else drop)


@contextmanager
def changeable(table: str, connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Within the block, rows of `table` may be changed; after it they may not be again.

    Call inside a transaction, before other writes to the table: a block that fails leaves the
    trigger as it was, since both databases take changes of triggers back too.
    """
    is_sqlite = connection.vendor == "sqlite"
    suffix = "" if is_sqlite else f" ON {table}"
    create = (_SQLITE if is_sqlite else _POSTGRES).format(table=table, verb="update", VERB="UPDATE")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {table}_no_update{suffix}")
        yield
        cursor.execute(create)
