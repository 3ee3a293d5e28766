"""One storm through the webhook into a database: the same engine, with everything around it."""

import os
import statistics
import tempfile
import time
from datetime import timedelta

_place = tempfile.TemporaryDirectory(prefix="airra-bench-")  # gone when the process ends
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ.setdefault("AIRRA_SECRET_KEY", "benchmark")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings_test")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from airra.lib import clock  # noqa: E402
from benchmarks.storm.__main__ import body_of  # noqa: E402
from benchmarks.storm.scoring import score  # noqa: E402
from incidents.commands.alert import settle_quiet  # noqa: E402
from incidents.commands.integration import create_integration  # noqa: E402
from incidents.commands.service import ensure  # noqa: E402
from incidents.models import Alert, Integration, ServiceDependency, Workspace  # noqa: E402
from lab.storm import Message, Storm  # noqa: E402

SWEEP_EACH = timedelta(seconds=10)  # as beat wakes it: what flapped and fell quiet is over


def post(made: Storm) -> dict[str, object]:
    """Every message, at its own time; then what became of the alerts in the database."""
    call_command("migrate", verbosity=0)
    place = Workspace.objects.get()
    with clock.frozen(made.messages[0].at):
        add_topology(place, made)
        sender, token = create_integration(
            workspace=place, name="storm", kind=Integration.Kind.ALERTMANAGER, by=None
        )
    client = Client(headers={"Authorization": f"Bearer {token}", "Host": "localhost"})
    address = reverse("hook", args=[sender.pk])
    spent, swept = [], made.messages[0].at
    for message in made.messages:
        while message.at - swept >= SWEEP_EACH:
            swept += SWEEP_EACH
            with clock.frozen(swept):
                settle_quiet()
        spent.append(_post(client, address, message))
    truths = {(m.alert["fingerprint"], m.alert["startsAt"]): m.truth for m in made.firing}
    pairs = []
    for alert in Alert.objects.filter(integration=sender, incident__isnull=False):
        at = alert.starts_at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        pairs.append((alert.incident_id, truths[alert.dedup_key, at]))
    found = score(pairs)
    return {
        "database": connection.vendor,
        "seed": made.seed,
        "messages": len(made.messages),
        "episodes": found.alerts,
        "incidents": found.incidents,
        "precision": round(found.precision, 3),
        "recall": round(found.recall, 3),
        "p50_ms": round(statistics.median(spent) * 1000, 1),
        "p95_ms": round(statistics.quantiles(spent, n=20)[-1] * 1000, 1),
    }


def add_topology(place: Workspace, made: Storm) -> None:
    for caller, callee in made.edges:
        ServiceDependency.objects.get_or_create(
            caller=ensure(workspace=place, name=caller),
            callee=ensure(workspace=place, name=callee),
        )


def _post(client: Client, address: str, message: Message) -> float:
    """Seconds until it was stored, judged, grouped and answered."""
    with clock.frozen(message.at):
        began = time.perf_counter()
        answer = client.post(address, body_of(message.alert), content_type="application/json")
        spent = time.perf_counter() - began
    if answer.status_code not in (200, 202):
        msg = f"answered {answer.status_code}: {answer.content[:200]!r}"
        raise RuntimeError(msg)
    return spent
