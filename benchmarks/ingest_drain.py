"""`python -m benchmarks.ingest_drain`: how fast stored deliveries become alerts and incidents.

The worker's part alone, in this process: deliveries are stored, then drained while incidents are
open, and what is told is alerts a second and SQL statements an alert. The alerts are those of a
storm of `lab.storm`, each told once, begun within the last minutes. SQLite in a temporary
directory, or the database that AIRRA_DATABASE_URL names, which is filled. Then one line of JSON.
"""

import argparse
import cProfile
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings")  # noqa: TID251 - jobs are not run

from benchmarks.storm import busy, through_http  # first of all: it starts Django

from airra.lib import clock  # isort: skip
from django.core.management import call_command  # isort: skip
from django.db import connection  # isort: skip
from incidents.commands import delivery as deliveries  # isort: skip
from incidents.commands.integration import create_integration  # isort: skip
from incidents.commands.proving import PROVEN  # isort: skip
from incidents.models import Alert, Delivery, Incident, Integration, Service, Workspace  # isort: skip
from lab.storm import storm  # isort: skip


def alerts_of(seed: int) -> Iterator[dict[str, Any]]:
    """Every alert of the storm once, and of as many more storms as it takes; begun just now."""
    while True:
        told: set[str] = set()
        for message in storm(seed).firing:
            name = str(message.alert["fingerprint"])
            if name not in told:
                told.add(name)
                begun = clock.now() - timedelta(seconds=len(told) % 300)
                yield {
                    **message.alert,
                    "fingerprint": f"{seed}-{name}",
                    "startsAt": f"{begun:%FT%T}Z",
                }
        seed += 1


def store(sender: Integration, *, alerts: int, each: int, seed: int) -> None:
    """As many deliveries as it takes, with so many alerts in each."""
    told = list(islice(alerts_of(seed), alerts))
    bodies = [told[at : at + each] for at in range(0, alerts, each)]
    Delivery.objects.bulk_create(
        Delivery(
            integration=sender,
            identity=f"{seed}-{number}",
            body=json.dumps({"version": "4", "groupKey": str(number), "alerts": body}).encode(),
            headers={PROVEN: "in this benchmark"},
        )
        for number, body in enumerate(bodies)
    )


def drain(workspace: Workspace) -> tuple[float, float, int]:
    """Seconds until nothing waits any more, of them on the CPU, and how many statements."""
    statements = 0

    def count(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*given)

    waiting = Delivery.objects.filter(state=Delivery.State.STORED)
    begun, begun_cpu = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(count):
        while waiting.exists():
            deliveries.drain(workspace_id=str(workspace.pk))
    return time.perf_counter() - begun, time.process_time() - begun_cpu, statements


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=1000)
    parser.add_argument("--each", type=int, default=1, help="alerts in a delivery")
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--profile", help="write a profile of the drain to this file")
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.get()
    sender, _ = create_integration(
        workspace=workspace, name="drain", kind=Integration.Kind.ALERTMANAGER, by=None
    )
    through_http.add_topology(workspace, storm(1))
    busy.fill(sender, list(Service.objects.filter(workspace=workspace).order_by("name")))
    before = Incident.objects.count()
    store(sender, alerts=given.alerts, each=given.each, seed=given.seed)
    profile = cProfile.Profile()
    run = profile.runcall if given.profile else lambda call, place: call(place)
    took_s, cpu_s, statements = run(drain, workspace)
    if given.profile:
        profile.dump_stats(given.profile)
    told = {
        "database": connection.vendor,
        "open_before": before,
        "alerts": Alert.objects.filter(delivery__isnull=False).count(),
        "of": given.alerts,
        "alerts_a_delivery": given.each,
        "incidents_opened": Incident.objects.count() - before,
        "seconds": round(took_s, 1),
        "alerts_per_s": round(given.alerts / took_s, 1),
        "cpu_ms_per_alert": round(cpu_s * 1000 / given.alerts, 1),
        "statements_per_alert": round(statements / given.alerts, 1),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
