"""Whole looks of a detector, from the query to the rows, on one core."""

import os
import resource
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_place = tempfile.TemporaryDirectory(prefix="airra-bench-")  # gone when the process ends
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ.setdefault("AIRRA_SECRET_KEY", "benchmark")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "CRITICAL")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402

from airra.lib import clock  # noqa: E402
from analysis.commands import anomaly, look  # noqa: E402
from analysis.models import Connector, Detector  # noqa: E402
from analysis.types import Floats  # noqa: E402
from benchmarks.prometheus import METRIC  # noqa: E402
from incidents.models import Workspace  # noqa: E402

LOOKS = 8


@dataclass(frozen=True)
class Whole:
    """Medians of one look at the newest point of every series; `first_s` reads the history."""

    series: int
    first_s: float
    wall_s: float
    cpu_s: float
    anomalies: int


def measure(url: str, times: Floats) -> Whole:
    """One look over the history, then one for each of the newest points, as time goes by."""
    call_command("migrate", verbosity=0)
    Connector.objects.filter(name="benchmark").delete()  # of an earlier run
    detector = make_detector(url, "benchmark", METRIC)
    known = times[-LOOKS - 1]
    with clock.frozen(datetime.fromtimestamp(known, UTC)):
        began = time.perf_counter()
        series = _look(detector)
        first_s = time.perf_counter() - began
    walls, cpus = [], []
    for at in times[-LOOKS:]:
        with clock.frozen(datetime.fromtimestamp(at, UTC)):
            began, cpu = time.perf_counter(), _cpu_s()
            _look(detector)
            walls.append(time.perf_counter() - began)
            cpus.append(_cpu_s() - cpu)
    return Whole(
        series=series,
        first_s=first_s,
        wall_s=sorted(walls)[LOOKS // 2],
        cpu_s=sorted(cpus)[LOOKS // 2],
        anomalies=detector.anomalies.count(),
    )


def make_detector(url: str, name: str, query: str) -> Detector:
    """A detector of that query over the source of that name, looking once a minute."""
    workspace = Workspace.objects.get()
    connector, _ = Connector.objects.get_or_create(
        workspace=workspace, name=name, defaults={"kind": "prometheus", "url": url}
    )
    return Detector.objects.create(
        workspace=workspace,
        connector=connector,
        name=query,
        query=query,
        step_s=60,
        interval_s=60,
        history_s=6 * 3600,
        direction=Detector.Direction.BOTH,
    )


def _look(detector: Detector) -> int:
    now = clock.now()
    detector.refresh_from_db()
    known = anomaly.open_of(detector)
    found = look.through(detector, known=known, now=now)
    anomaly.record(detector, found, known=known, now=now)
    Detector.objects.filter(pk=detector.pk).update(newest_at=found.newest_at)
    return found.series


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
