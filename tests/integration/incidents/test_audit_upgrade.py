"""The upgrade that makes a chain of the rows there are; and embedded, many threads on one file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import migrated

ROOT = Path(__file__).resolve().parents[3]

MIGRATING = """
from django.core.management import call_command
from django.db import connection
"""
BEFORE = """
with connection.cursor() as cursor:
    for number in range(7):
        cursor.execute(
            "INSERT INTO incidents_auditevent (at, actor_id, actor, kind, target_type, target_id, "
            "target, before, after, reason, origin, request_id) VALUES "
            "('2026-01-01 00:00:00.00012', '', 'Zo\\u00eb', 'old.row', 'x', '1', 'x', "
            "'{\\"big\\": 12345678901234567890, \\"f\\": 1e22, \\"n\\": -0.0}', '{}', '', '', '')"
        )
"""
AFTER = """
from django.db import DatabaseError, connection
from incidents.commands import audit
from incidents.models import AuditEvent, AuditLink, Workspace
from incidents.queries.audit_chain import verify
audit.record("new.row", target=Workspace.objects.get())
report = verify()
assert report.is_intact, report.problems
assert report.rows == 8, report.rows
order = AuditLink.objects.values_list("event_id", flat=True)
assert list(order) == sorted(order)
assert AuditEvent.objects.filter(kind="old.row").count() == 7
try:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_auditevent SET actor = 'x'")
except DatabaseError as error:
    assert "append-only" in str(error)
else:
    raise AssertionError("the table is not append-only any more")
print("intact")
"""
TOGETHER = """
import threading
from django.db import connection, transaction
from incidents.commands import audit
from incidents.models import AuditLink, Workspace
from incidents.queries.audit_chain import verify
place, failed = Workspace.objects.get(), []
def work(number):
    try:
        for turn in range(4):
            with transaction.atomic():
                audit.record("test.done", target=place, after={"by": number})
                audit.record("test.done", target=place)
                transaction.set_rollback(number % 5 == turn)
    except Exception as error:
        failed.append(error)
    finally:
        connection.close()
threads = [threading.Thread(target=work, args=(n,)) for n in range(NUMBER)]
[t.start() for t in threads]; [t.join() for t in threads]
assert not failed, failed
print("done")
"""
CHECK = """
from incidents.models import AuditLink
from incidents.queries.audit_chain import verify
report = verify()
assert report.is_intact, report.problems
seqs = list(AuditLink.objects.order_by("seq").values_list("seq", flat=True))
assert seqs == list(range(1, len(seqs) + 1))
print(len(seqs))
"""


def environment(tmp_path: Path) -> dict[str, str]:
    """SQLite in a file of its own, as the embedded default has it."""
    return {
        "DJANGO_SETTINGS_MODULE": "airra.settings",
        "AIRRA_SECRET_KEY": "only-for-tests",
        "AIRRA_VAR_DIR": str(tmp_path),
        "AIRRA_LOG_LEVEL": "CRITICAL",
        "PATH": os.defpath,
    }


def shell(tmp_path: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def migrate(*target: str) -> str:
    """The line that does it, in the process that looks at the outcome: each start takes seconds."""
    return f"call_command('migrate', *{target!r}, verbosity=0)\n"


def test_rows_from_before_are_linked_in_their_order(tmp_path: Path) -> None:
    """By all migrations of the app that keeps the record; no other one's names it."""
    upgrade = f"{MIGRATING}{migrate('incidents', '0007')}{BEFORE}{migrate('incidents')}{AFTER}"
    assert shell(tmp_path, upgrade).strip() == "intact"


@pytest.mark.slow
def test_the_way_back_and_forth_leaves_a_chain(tmp_path: Path) -> None:
    there = f"{MIGRATING}{migrate('incidents', '0007')}{BEFORE}{migrate('incidents', '0009')}"
    back_and_there = f"{migrate('incidents', '0007')}{migrate()}"
    assert shell(tmp_path, f"{there}{back_and_there}{AFTER}").strip() == "intact"


def test_fifty_threads_of_two_processes_share_one_file_without_a_gap(tmp_path: Path) -> None:
    migrated.copy_to(tmp_path)
    code = TOGETHER.replace("NUMBER", "25")
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
    running = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out.strip()) == (0, "done"), err
    kept = 2 * 2 * sum(4 - (number % 5 < 4) for number in range(25))
    assert shell(tmp_path, CHECK).strip() == str(kept)
