"""`python -m benchmarks.audit`: what the hash chain costs, beside the record without it.

The alternative is the record as it was: one INSERT a row, nothing linked. Both write the same
rows, each in a transaction of its own, in turn, A B A B: by one thread, and by eight at once. Then
the chain is verified. PostgreSQL: AIRRA_DATABASE_URL names a database of its own; it is filled.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable

_place = tempfile.TemporaryDirectory(prefix="airra-bench-")  # gone when the process ends
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ.setdefault("AIRRA_SECRET_KEY", "benchmark")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251
os.environ.setdefault("AIRRA_DB_POOL", "12")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings_test")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402

from airra.lib import clock  # noqa: E402
from incidents.commands import audit  # noqa: E402
from incidents.models import Workspace  # noqa: E402
from incidents.queries.audit_chain import verify  # noqa: E402

AFTER = {"hash": "5c0f" * 16, "mode": "live", "ratio": 0.25, "attempt": 1}
REASON = "traffic is back to normal, and the pods restart by themselves"


class Before(models.Model):
    """The table as it was before the chain."""

    at = models.DateTimeField(default=clock.now)
    workspace_id = models.UUIDField(null=True, db_index=True)
    actor_id = models.CharField(max_length=40)
    actor = models.CharField(max_length=150)
    kind = models.CharField(max_length=60, db_index=True)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=40, db_index=True)
    target = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField()
    origin = models.CharField(max_length=60)
    request_id = models.CharField(max_length=40)

    class Meta:
        app_label = "incidents"
        db_table = "benchmark_before"

    def __str__(self) -> str:
        return self.kind


def plainly(place: Workspace) -> None:
    Before._default_manager.create(
        workspace_id=place.pk,
        actor="AIRRA",
        kind="test.done",
        target_type="workspace",
        target_id=str(place.pk),
        target=str(place),
        after=AFTER,
        reason=REASON,
    )


def chained(place: Workspace) -> None:
    audit.record("test.done", target=place, after=AFTER, reason=REASON, workspace_id=place.pk)


def rate(write: Callable[[Workspace], None], *, threads: int, rows: int) -> float:
    """Transactions a second, over all threads."""
    place = Workspace.objects.get()
    gate = threading.Barrier(threads + 1)

    def work() -> None:
        connection.ensure_connection()
        gate.wait()
        for _ in range(rows // threads):
            with transaction.atomic():
                write(place)
        connection.close()

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in running:
        thread.join()
    return rows / (time.perf_counter() - began)


def compare(*, threads: int, rows: int, rounds: int) -> dict[str, float]:
    before, after = [], []
    for _ in range(rounds):
        before.append(rate(plainly, threads=threads, rows=rows))
        after.append(rate(chained, threads=threads, rows=rows))
    was, now = statistics.median(before), statistics.median(after)
    return {
        "threads": threads,
        "plain_per_s": round(was),
        "chained_per_s": round(now),
        "cost_ratio": round(was / now, 2),
        "more_ms_each": round((1 / now - 1 / was) * 1000 * threads, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    if Before._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(Before)
    for threads in (1, 8):
        told = compare(threads=threads, rows=given.rows, rounds=given.rounds)
        print(json.dumps({"database": connection.vendor, **told}))
    report = verify()
    print(
        json.dumps(
            {
                "verified_rows": report.rows,
                "intact": report.is_intact,
                "rows_per_s": round(report.rows_per_s),
            }
        )
    )


if __name__ == "__main__":
    main()
