"""`python -m tools.replay`: the presets over a stored stretch of a Prometheus, scan by scan.

Every scan happens as it would have then: the same commands, with the clock set to its moment, on
a database of its own. Prints what was opened, and as its last line the same as one JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta

_place = tempfile.TemporaryDirectory(prefix="airra-replay-")  # gone when the process ends
os.environ["AIRRA_VAR_DIR"] = _place.name  # noqa: TID251 - never a database somebody uses
os.environ.setdefault("AIRRA_SECRET_KEY", "replay")  # noqa: TID251
os.environ.setdefault("AIRRA_LOG_LEVEL", "ERROR")  # noqa: TID251
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "airra.settings_test")  # noqa: TID251

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402

from airra.lib import clock  # noqa: E402
from analysis.commands import watch  # noqa: E402
from analysis.commands.presets import install  # noqa: E402
from analysis.models import Anomaly, Connector, Detector  # noqa: E402
from incidents.models import Incident, Workspace  # noqa: E402

SCAN_EVERY = timedelta(seconds=30)


def replay(url: str, start: datetime, end: datetime) -> int:
    """Scan every 30 s from `start` to `end`; returns how many scans there were."""
    call_command("migrate", verbosity=0)
    workspace = Workspace.objects.get()
    connector = Connector.objects.create(
        workspace=workspace, name="stored", kind=Connector.Kind.PROMETHEUS, url=url
    )
    with clock.frozen(start) as hands:
        install(connector=connector)
        Detector.objects.update(next_run_at=start)
        scans = 0
        while clock.now() <= end:
            now = clock.now()
            watch.scan()
            due = Detector.objects.filter(claimed_at=now).values_list("pk", flat=True)
            watch.run(detector_ids=[str(pk) for pk in due], claimed_at=now)
            watch.sweep()
            scans += 1
            hands.advance(seconds=SCAN_EVERY.total_seconds())
    return scans


def report() -> dict[str, object]:
    incidents = [
        {
            "opened_at": incident.opened_at.isoformat(),
            "started_at": incident.started_at.timestamp(),
            "title": incident.title,
            "service": incident.service.name if incident.service else "",
            "severity": incident.severity,
            "is_predicted": incident.is_predicted,
            "reason": incident.grouping_reason,
        }
        for incident in Incident.objects.select_related("service").order_by("opened_at")
    ]
    anomalies = [
        {
            "detector": a.detector.name,
            "series": a.series_key,
            "kind": a.kind,
            "started_at": a.started_at.isoformat(),
            "value": a.value,
            "expected": a.expected,
            "high": a.high,
            "incident": a.incident.key if a.incident else None,
        }
        for a in Anomaly.objects.select_related("detector", "incident").order_by("started_at")
    ]
    failing = {d.name: d.last_error for d in Detector.objects.exclude(last_error="")}
    return {"incidents": incidents, "anomalies": anomalies, "failing": failing}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL")
    parser.add_argument("--start", type=datetime.fromisoformat, required=True)
    parser.add_argument("--end", type=datetime.fromisoformat, default=datetime.now(UTC))
    args = parser.parse_args()
    start, end = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (args.start, args.end))
    scans = replay(args.prometheus, start, end)
    sys.stdout.write(f"detectors: {Detector.objects.count()}, scans: {scans}\n")
    found = report()
    for name in ("incidents", "anomalies"):
        sys.stdout.write(f"{name}: {len(found[name])}\n")  # type: ignore[arg-type]  # both are lists
        sys.stdout.writelines(f"  {json.dumps(one)}\n" for one in found[name])  # type: ignore[attr-defined]  # both are lists
    hours = (end - start).total_seconds() / 3600
    sys.stdout.write(json.dumps({"replay": {"hours": hours, "scans": scans, **found}}) + "\n")


if __name__ == "__main__":
    main()
