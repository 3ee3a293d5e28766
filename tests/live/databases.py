"""A PostgreSQL database of one's own, on the server that the script has found."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from tests import migrated

POSTGRES = os.environ.get("AIRRA_TEST_POSTGRES", "")  # noqa: TID251 - where the script found it


@contextmanager
def own_database() -> Iterator[str]:
    """The address of a new, migrated database, dropped afterwards."""
    name = f"airra_live_{uuid4().hex[:10]}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as connection:
        like = sql.Identifier(migrated.postgres_template(POSTGRES))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), like)
        connection.execute(copy)
        try:
            yield f"{POSTGRES}/{name}"
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)
