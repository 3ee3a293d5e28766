"""A database as the migrations leave it, made once and copied: making it takes fifteen seconds.

What is copied was made by the migrations as they stand: its name says which, and all they import.
"""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "migrated"
SOURCES = (
    "requirements.lock",  # Django's own migrations, and what it makes of ours
    "airra/settings.py",
    "airra/lib/*.py",
    *(
        f"{app}/{part}"
        for app in ("incidents", "analysis", "remediation")
        for part in ("*.py", "migrations/*.py", "models/*.py", "types/**/*.py")
    ),
)


def _key() -> str:
    """Another one for every change of what may change the outcome."""
    found = sorted({path for pattern in SOURCES for path in ROOT.glob(pattern)})
    digest = hashlib.sha256()
    for path in found:
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _migrate(address: str) -> None:
    """By a process of its own, as an installation does it."""
    with tempfile.TemporaryDirectory() as var:
        ours = {
            "DJANGO_SETTINGS_MODULE": "airra.settings",
            "AIRRA_SECRET_KEY": "only-for-tests",
            "AIRRA_VAR_DIR": var,
            "AIRRA_LOG_LEVEL": "CRITICAL",
            "AIRRA_DATABASE_URL": address,
        }
        theirs = {k: v for k, v in os.environ.items() if not k.startswith(("AIRRA_", "PYTEST_"))}  # noqa: TID251
        done = subprocess.run(
            # What `check` checks needs every page imported; tests/house/test_migrations.py runs it.
            [sys.executable, "manage.py", "migrate", "--noinput", "--verbosity=0", "--skip-checks"],
            cwd=ROOT,
            env={**theirs, **ours},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def _alone() -> Iterator[None]:
    """One process of this machine makes it; the others wait and find it made."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sqlite_file() -> Path:
    """A migrated SQLite database, to be copied."""
    path = KEPT / f"{_key()}.sqlite3"
    with _alone():
        if not path.exists():
            for old in KEPT.glob("*.sqlite3*"):
                old.unlink()
            part = path.with_suffix(".sqlite3-part")
            _migrate(f"sqlite://{part}")
            with closing(sqlite3.connect(part)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")  # the whole of it in one file
            part.rename(path)
    return path


def copy_to(var: Path) -> None:
    """The database of an installation that keeps its files in `var`."""
    shutil.copyfile(sqlite_file(), var / "airra.sqlite3")


def postgres_template(server: str) -> str:
    """The name of a migrated database on this server, for CREATE DATABASE … TEMPLATE."""
    name = f"airra_migrated_{_key()}"
    part = f"{name}_part"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        # Others may use this server from other directories; the lock ends with the connection.
        connection.execute("SELECT pg_advisory_lock(hashtext('airra_migrated'))")
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if not there.fetchone():
            new, made = sql.Identifier(part), sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(new))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(new))
            _migrate(f"{server}/{part}")
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(new, made))
    return name


@contextmanager
def for_the_suite() -> Iterator[None]:
    """Django's test database begins as a copy: its own `migrate` then finds nothing to do."""
    from django.db import connection  # noqa: PLC0415 - not before the settings are read

    about = connection.settings_dict
    if connection.vendor == "postgresql":
        user = about["USER"] + (f":{about['PASSWORD']}" if about["PASSWORD"] else "")
        server = f"postgresql://{user}@{about['HOST']}:{about['PORT'] or 5432}"
        about.setdefault("TEST", {})["TEMPLATE"] = postgres_template(server)
        yield
        return
    name = connection.creation._get_test_db_name()  # type: ignore[attr-defined]  # of SQLite's own
    with closing(sqlite3.connect(name, uri=True)) as kept:  # in memory while somebody holds it
        with closing(sqlite3.connect(sqlite_file())) as made:
            made.backup(kept)
        yield
