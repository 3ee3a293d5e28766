"""Rows by the hundred thousand: the database copies one in a tenth of the time Python takes."""

from django.db import connection
from django.db.models import Model

from incidents.lifecycle import Severity
from incidents.models import Alert

# The key of the original with its end replaced: no two alike, and all before what comes after.
_KEY = {
    "sqlite": "substr(one.id, 1, 20) || printf('%012x', n)",
    "postgresql": "(left(one.id::text, 24) || lpad(to_hex(n), 12, '0'))::uuid",
}


def copies(row: Model, number: int, **differing: str) -> None:
    """So many more of a row. `differing` are columns in SQL; `n` counts the copies from zero."""
    key = row._meta.pk
    assert key is not None
    names = [field.column for field in row._meta.concrete_fields]
    said = {"id": _KEY[connection.vendor], **differing}
    quote = connection.ops.quote_name
    into = ", ".join(quote(name) for name in names)
    values = ", ".join(said.get(name, f"one.{quote(name)}") for name in names).replace("%", "%%")
    table = quote(row._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({into}) "  # noqa: S608 - names of our own models
            "WITH RECURSIVE counted(n) AS "
            "(SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < %s - 1) "
            f"SELECT {values} FROM counted, {table} AS one WHERE one.id = %s",
            [number, key.get_db_prep_value(row.pk, connection)],
        )


def storm(alert: Alert, number: int) -> None:
    """So many more alerts like one, a hundredth of them high."""
    copies(
        alert,
        number,
        dedup_key="'storm-' || (n + 1)",
        title="'alert ' || (n + 1)",
        severity=f"CASE n % 100 WHEN 99 THEN '{Severity.HIGH}' ELSE '{Severity.LOW}' END",
    )
