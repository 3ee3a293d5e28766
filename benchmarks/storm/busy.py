"""`python -m benchmarks.storm.busy`: what one decision takes while 200 incidents are open.

Each has three alerts of the last minutes, so that as many members are looked at as ever are. A
decision is the time from a read alert to its incident, with every query and the incident that is
opened where none fits; not the message around it. The first of a turn reads what is open, those
after it find that in memory. SQLite in a temporary directory, or the database that
AIRRA_DATABASE_URL names, which is filled.
"""

import itertools
import json
import statistics
import time
from dataclasses import replace
from datetime import timedelta

from benchmarks.storm import through_http  # first of all: it starts Django

from airra.lib import clock  # isort: skip
from django.core.management import call_command  # isort: skip
from django.db import connection, transaction  # isort: skip
from incidents.commands import incident as incidents  # isort: skip
from incidents.commands.integration import create_integration  # isort: skip
from incidents.commands.placing import place  # isort: skip
from incidents.commands.turn import Turn  # isort: skip
from incidents.ingest.alerts import NewAlert  # isort: skip
from incidents.lifecycle import AlertStatus, Severity  # isort: skip
from incidents.models import Alert, Incident, Integration, Service, Workspace  # isort: skip
from lab.storm import storm  # isort: skip

OPEN = 200
ALERTS_OF_EACH = 3
DECISIONS = 100


def new_alert(number: int, service: Service) -> NewAlert:
    return NewAlert(
        dedup_key=f"busy-{number}", title=f"HighLatency: p99 of {service.name} is above 2 s",
        severity=Severity.HIGH, severity_word="high", is_severity_mapped=True,
        status=AlertStatus.FIRING, starts_at=clock.now(), ends_at=None, service=service.name,
    )  # fmt: skip


def fill(sender: Integration, services: list[Service]) -> None:
    around = itertools.cycle(services)
    for number in range(OPEN):
        service = next(around)
        opened, _ = incidents.open_or_join(
            workspace=sender.workspace, title=f"trouble {number}", severity=Severity.HIGH,
            source=Incident.Source.ALERT, service=service, grouping_key=f"busy:{number}",
            started_at=clock.now() - timedelta(minutes=5), actor=sender.name,
        )  # fmt: skip
        Alert.objects.bulk_create(
            Alert(
                workspace=sender.workspace, integration=sender, incident=opened, service=service,
                dedup_key=f"of-{number}-{nth}", title=f"HighErrorRate: {service.name} answers 5xx",
                severity=Severity.HIGH, status=AlertStatus.FIRING,
                starts_at=clock.now() - timedelta(minutes=1 + number % 20),
            )
            for nth in range(ALERTS_OF_EACH)
        )  # fmt: skip


def decision_ms(number: int, sender: Integration, service: Service) -> tuple[float, float]:
    """The first decision of a turn and one more; taken back, so that the next meet the same."""
    new = replace(new_alert(number, service), starts_at=clock.now())
    spent = []
    with transaction.atomic():
        turn = Turn(sender.workspace)
        for _ in range(2):
            began = time.perf_counter()
            place(new, integration=sender, service=service, turn=turn)
            spent.append(time.perf_counter() - began)
        transaction.set_rollback(True)
    return spent[0] * 1000, spent[1] * 1000


def main() -> None:
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.get()
    sender, _ = create_integration(
        workspace=workspace, name="busy", kind=Integration.Kind.ALERTMANAGER, by=None
    )
    through_http.add_topology(workspace, storm(1))
    services = list(Service.objects.filter(workspace=workspace).order_by("name"))
    fill(sender, services)
    around = itertools.cycle(services)
    spent = [decision_ms(number, sender, next(around)) for number in range(DECISIONS)]
    told: dict[str, object] = {"database": connection.vendor, "open": OPEN}
    for name, ms in zip(("first", "later"), zip(*spent, strict=True), strict=True):
        told[f"{name}_p50_ms"] = round(statistics.median(ms), 1)
        told[f"{name}_p95_ms"] = round(statistics.quantiles(ms, n=20)[-1], 1)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
