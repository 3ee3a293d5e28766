"""`python -m benchmarks.pages`: our pages beside Django admin's list of the same rows.

The alternative is what a team has without us: the admin's changelist of incidents, with the same
database, middleware and user. Runs in turn, A B A B, in one process, on a database of its own.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable

_place = tempfile.TemporaryDirectory(prefix="airra-bench-")  # gone when the process ends
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ.setdefault("AIRRA_SECRET_KEY", "benchmark")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings_test")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import path  # noqa: E402

from airra.lib import clock  # noqa: E402
from airra.urls import urlpatterns as our_pages  # noqa: E402
from incidents.commands import incident as commands  # noqa: E402
from incidents.lifecycle import Severity  # noqa: E402
from incidents.models import Incident, Workspace  # noqa: E402

# The alternative, mounted beside our pages: Django's own list of the same rows.
admin.site.register(Incident)
urlpatterns = [*our_pages, path("plain/", admin.site.urls)]
settings.ROOT_URLCONF = __name__


def prepare(rows: int) -> Client:
    """A database with `rows` incidents, and a signed-in superuser."""
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.get()
    first, _ = commands.open_or_join(
        workspace=workspace,
        title="checkout: errors",
        severity=Severity.HIGH,
        source="api",
        grouping_key="bench-0",
    )
    Incident.objects.bulk_create(
        Incident(
            workspace=workspace,
            number=first.number + n,
            title=f"service-{n % 50}: latency above its band",
            severity=list(Severity)[n % 4],
            source="detector",
            grouping_key=f"bench-{n}",
            opened_at=clock.now(),
        )
        for n in range(1, rows)
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    return client


def milliseconds(fetch: Callable[[], object]) -> float:
    start = time.perf_counter()
    fetch()
    return (time.perf_counter() - start) * 1000


def fetcher(client: Client, path: str) -> Callable[[], object]:
    def fetch() -> object:
        answer = client.get(path)
        if answer.status_code != 200:
            msg = f"{path} answered {answer.status_code}"
            raise RuntimeError(msg)
        return answer.content

    return fetch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=30)
    args = parser.parse_args()
    client = prepare(args.rows)
    pages = {
        "incident list": fetcher(client, "/incidents/"),
        "incident detail": fetcher(client, "/incidents/INC-1/"),
        "admin changelist (alternative)": fetcher(client, "/plain/incidents/incident/"),
    }
    times: dict[str, list[float]] = {name: [] for name in pages}
    for run in range(args.runs + 2):
        for name, fetch in pages.items():
            spent = milliseconds(fetch)
            if run >= 2:
                times[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    base = medians["admin changelist (alternative)"]
    print(f"| page, {args.rows} incidents | median ms | ratio to the alternative |")
    print("|---|---|---|")
    for name, median in medians.items():
        print(f"| {name} | {median:.1f} | {median / base:.2f} |")
    figures = {name: {"median_ms": m, "ratio": m / base} for name, m in medians.items()}
    print(json.dumps({"benchmark": "pages", "rows": args.rows, "figures": figures}))


if __name__ == "__main__":
    main()
