"""A case folder as a `Case`. Never reads labels; a file that is missing is a signal that is."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from analysis.types import Case, CaseAlert, CaseLog, CaseSpan


def folders(root: Path) -> list[Path]:
    """The cases under `root`, by name."""
    return sorted(path.parent for path in root.glob("*/case.json"))


def load(folder: Path) -> Case:
    """Raises ValueError naming the file that is not what the format says."""
    try:
        return _load(folder)
    except (KeyError, TypeError, ValueError, OSError) as error:
        msg = f"{folder.name} is not a case in the format of FORMAT.md: {error!r}"
        raise ValueError(msg) from error


def _load(folder: Path) -> Case:
    head = json.loads((folder / "case.json").read_text())
    alert = head.get("alert") or {}
    times, series = _metrics(folder / "metrics.csv.gz")
    topology = _json(folder / "topology.json", {"nodes": [], "edges": []})
    return Case(
        id=head["case"],
        candidates=tuple(head["candidates"]),
        started_at=head.get("incident_start"),
        window=_window(head.get("window")),
        baseline=_window(head.get("baseline")),
        trace_baseline=_window(head.get("trace_baseline")),
        interval_s=float(head.get("metric_interval_s") or 60.0),
        alert_service=alert.get("service") or "",
        alert_metric=alert.get("metric") or "",
        alert_message=alert.get("message") or "",
        times=times,
        series=series,
        spans=tuple(_spans(folder / "traces.jsonl.gz")),
        logs=tuple(_logs(folder / "logs.jsonl.gz")),
        edges=tuple((e["source"], e["target"]) for e in topology["edges"]),
        kinds={n["id"]: n.get("kind") or "" for n in topology["nodes"]},
        hosts={n["id"]: n["host"] for n in topology["nodes"] if n.get("host")},
        alerts=tuple(_alert(a) for a in _json(folder / "alerts.json", [])),
        kubernetes=_json(folder / "k8s.json.gz", None),
        events=tuple(_lines(folder / "events.jsonl.gz")),
    )


def _window(given: list[float] | None) -> tuple[float, float] | None:
    return (float(given[0]), float(given[1])) if given else None


def _json(path: Path, default: Any) -> Any:
    if not path.exists():
        return default
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with gzip.open(path, "rt") as lines:
            yield from (json.loads(line) for line in lines if line.strip())


def _spans(path: Path) -> Iterator[CaseSpan]:
    for row in _lines(path):
        yield CaseSpan(
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            parent_id=row.get("parent_id") or "",
            service=row["service"],
            operation=row["operation"],
            start=float(row["start"]),
            duration_s=float(row["duration_ms"]) / 1000,
        )


def _logs(path: Path) -> Iterator[CaseLog]:
    for row in _lines(path):
        yield CaseLog(
            at=float(row["ts"]),
            service=row["service"],
            level=row.get("level") or "",
            message=row.get("message") or "",
            trace_id=row.get("trace_id") or "",
            span_id=row.get("span_id") or "",
        )


def _alert(row: dict[str, Any]) -> CaseAlert:
    caller = str(row.get("caller") or "")
    return CaseAlert(
        kind=row["kind"],
        component=row["service"],
        name=row.get("metric") or row.get("operation") or row.get("template") or "",
        sense=str(row.get("direction") or row.get("anomaly") or ""),
        caller="" if caller == "-1" else caller,
    )


def _metrics(path: Path) -> tuple[Any, dict[tuple[str, str], Any]]:
    if not path.exists():
        return np.empty(0), {}
    with gzip.open(path, "rt", newline="") as handle:
        rows = list(csv.reader(handle))
    names = [column.split("|", 1) for column in rows[0][1:]]
    values = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows[1:]])
    return values[:, 0], {(c, m): values[:, i + 1] for i, (c, m) in enumerate(names)}
