"""What is asked of PostgreSQL about backends that hold others up, and the two ways to end one."""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

BACKENDS = """
SELECT a.pid, a.backend_start, a.xact_start, a.state, a.backend_type, a.usename,
       a.application_name, a.query, a.query_start,
       coalesce(r.rolsuper, true) AS is_superuser, coalesce(r.rolreplication, true) AS replicates,
       a.usename = current_user OR a.pid = pg_backend_pid() AS is_own,
       CASE WHEN a.wait_event_type = 'Lock' THEN pg_blocking_pids(a.pid) ELSE '{}' END AS waits_for,
       extract(epoch FROM clock_timestamp() - a.state_change)::float8 AS waited_s,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS open_s
  FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid
 WHERE a.datname = current_database()
"""

# One statement finds the very transaction that was planned and signals it: a pid that has become
# somebody else, a transaction that ended, a credential that is too old match nothing.
_ONE = """
  FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
 WHERE a.pid = %(pid)s AND a.backend_start = %(backend_start)s::timestamptz
   AND a.xact_start = %(xact_start)s::timestamptz
   AND a.datname = current_database() AND a.backend_type = 'client backend'
   AND NOT r.rolsuper AND NOT r.rolreplication
   AND a.usename <> current_user AND a.pid <> pg_backend_pid()
   AND EXISTS (SELECT FROM pg_stat_activity w
                WHERE w.wait_event_type = 'Lock' AND a.pid = ANY (pg_blocking_pids(w.pid)))
   AND clock_timestamp() < to_timestamp(%(until)s)
"""
# Only a running statement can be cancelled: a session that sits in its transaction hears nothing.
CANCEL = "SELECT pg_cancel_backend(a.pid) AS signalled" + _ONE + " AND a.state = 'active'"
TERMINATE = "SELECT pg_terminate_backend(a.pid) AS signalled" + _ONE
STILL_THERE = """
SELECT 1 FROM pg_stat_activity
 WHERE pid = %(pid)s AND backend_start = %(backend_start)s::timestamptz
   AND xact_start = %(xact_start)s::timestamptz
"""

_LITERALS = re.compile(
    r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|\b\d[\w.]*|--[^\n]*|/\*.*?\*/", re.DOTALL
)
_VERBS = frozenset(
    {"select", "insert", "update", "delete", "merge", "truncate", "alter", "create", "drop", "lock"}
    | {"copy", "vacuum", "reindex", "refresh", "begin", "commit", "rollback", "call", "do", "with"}
)


@dataclass(frozen=True)
class Backend:
    """One row of `BACKENDS`. `query` stays in here: it may hold what nobody should read."""

    pid: int
    backend_start: datetime | None
    xact_start: datetime | None
    state: str | None
    backend_type: str | None
    usename: str | None
    application_name: str | None
    query: str | None
    query_start: datetime | None
    is_superuser: bool
    replicates: bool
    is_own: bool | None
    waits_for: list[int]
    waited_s: float | None
    open_s: float | None

    @property
    def target(self) -> str:
        return f"{self.pid}@{self.backend_start.isoformat() if self.backend_start else ''}"

    @property
    def version(self) -> str:
        """Of the transaction: a later one of the same backend is another target."""
        return f"transaction {self.xact_start.isoformat() if self.xact_start else 'ended'}"

    @property
    def fingerprint(self) -> str:
        """The kind of its latest statement and a digest of its shape, never its text."""
        text = self.query or ""
        word = next(iter(re.findall(r"[a-z]+", text.lower())), "")
        shape = " ".join(_LITERALS.sub("?", text).lower().split())
        digest = hashlib.sha256(shape.encode()).hexdigest()[:12]
        return f"{word.upper() if word in _VERBS else 'other'} {digest}"


def victims_of(pid: int, backends: dict[int, Backend]) -> list[Backend]:
    """Everybody who waits for this backend, directly or behind somebody else who does."""
    found: dict[int, Backend] = {}
    holders = {pid}
    while holders:
        waiting = [b for b in backends.values() if holders & set(b.waits_for)]
        new = {b.pid: b for b in waiting if b.pid not in found and b.pid != pid}
        found |= new
        holders = set(new)
    return list(found.values())


def heads(backends: dict[int, Backend]) -> list[Backend]:
    """Who holds others up and waits for nobody; first the one that holds up most."""
    held_up_by = {pid for b in backends.values() for pid in b.waits_for}
    first = [backends[p] for p in held_up_by & set(backends) if not backends[p].waits_for]
    return sorted(first, key=lambda b: (-len(victims_of(b.pid, backends)), b.pid))


def row(fields: dict[str, Any]) -> Backend:
    return Backend(**fields)
