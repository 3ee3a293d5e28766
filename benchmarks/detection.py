"""`python -m benchmarks.detection --data DIR --out DIR`: the shipped detector on labelled series.

Reads a folder of series (`labels.json` and `series/<id>.csv.gz`, columns timestamp,value), writes
one `<id>.csv.gz` with timestamp,value,score,flag to --out, causally and with one configuration
for every series, and sums up events as a pager would feel them. The written scores are in the
format the published scorer of such folders takes.
"""

import argparse
import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from analysis.perception.scan import DetectorSettings, judge
from analysis.types import Floats

WINDOW_POINTS = 180  # what a detector fetches: window_s / step_s
CHUNK = 5000
ALARM_GAP_S, ALARM_REPEAT_S, WEEK_S = 1800.0, 4 * 3600.0, 7 * 86400.0


@dataclass
class Tally:
    """What one family of series adds up to."""

    series: int = 0
    events: int = 0
    detected: int = 0
    false_alarms: int = 0
    weeks: float = 0.0
    delays_s: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        precision = self.detected / max(self.detected + self.false_alarms, 1)
        recall = self.detected / max(self.events, 1)
        return {
            "series": self.series,
            "events": self.events,
            "event_f1": round(2 * precision * recall / max(precision + recall, 1e-12), 3),
            "precision": round(precision, 3),
            "recall": round(recall, 3),
            "false_alarms_per_series_week": round(self.false_alarms / max(self.weeks, 1e-9), 2),
            "median_delay_s": float(np.median(self.delays_s)) if self.delays_s else -1.0,
        }


def scores(values: Floats, settings: DetectorSettings) -> Floats:
    """For each point how far it, and those just before it, are out of the band of its past.

    In half bands: above 1 is an anomaly. Each is judged in the window a detector would fetch.
    """
    padded = np.concatenate([np.full(WINDOW_POINTS - 1, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_POINTS)
    parts = [
        judge(np.array(windows[i : i + CHUNK]), settings).clearance
        for i in range(0, len(windows), CHUNK)
    ]
    return np.concatenate(parts)


def alarms(flags: Floats, interval_s: float) -> list[int]:
    """Rows at which a pager rings: the first flag after half an hour without, then every 4 h."""
    gap = max(round(ALARM_GAP_S / interval_s), 2)
    repeat = max(round(ALARM_REPEAT_S / interval_s), gap)
    rung: list[int] = []
    last_flag = -gap - 1
    for row in np.flatnonzero(flags).tolist():
        if row - last_flag > gap or row - rung[-1] >= repeat:
            rung.append(row)
        last_flag = row
    return rung


def add(tally: Tally, rung: list[int], meta: Mapping[str, Any]) -> None:
    """Match alarms with events: a hit while it lasts; at its recovery an alarm is neutral."""
    after = round(ALARM_GAP_S / meta["interval_s"]) if meta["grace"] else 0
    neutral: set[int] = set()
    for start, end in meta["events"]:
        last = max(end, start + meta["grace"])
        hits = [row for row in rung if start - meta["lead"] <= row <= last]
        neutral |= {row for row in rung if start - meta["lead"] <= row <= last + after}
        tally.events += 1
        if hits:
            tally.detected += 1
            tally.delays_s.append(max(hits[0] - start, 0) * meta["interval_s"])
    tally.series += 1
    tally.false_alarms += len(set(rung) - neutral)
    tally.weeks += (meta["n"] - meta["score_from"]) * meta["interval_s"] / WEEK_S


def read(path: Path) -> tuple[list[str], Floats]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [row[0] for row in rows], np.array([float(row[1] or "nan") for row in rows])


def write(path: Path, times: list[str], values: Floats, found: Floats) -> None:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value", "score", "flag"])
        for at, value, score in zip(times, values, found, strict=True):
            writer.writerow([at, f"{value:.8g}", f"{score:.6g}", int(score > 1)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings = DetectorSettings(direction="both")  # the series do not say which way is bad
    tallies: dict[str, Tally] = defaultdict(Tally)
    labels = json.loads((args.data / "labels.json").read_text(encoding="utf-8"))["series"]
    for name, meta in sorted(labels.items()):
        times, values = read(args.data / "series" / f"{name}.csv.gz")
        found = scores(values, settings)
        write(args.out / f"{name}.csv.gz", times, values, found)
        flags = np.where(np.arange(len(found)) >= meta["score_from"], found > 1, 0.0)
        add(tallies[meta["dataset"]], alarms(flags, meta["interval_s"]), meta)
    print(f"{settings}\n")
    rows = {family: tally.row() for family, tally in sorted(tallies.items())}
    head = list(next(iter(rows.values())))
    print("| family | " + " | ".join(head) + " |\n|" + "---|" * (len(head) + 1))
    for family, row in rows.items():
        print(f"| {family} | " + " | ".join(f"{row[name]:g}" for name in head) + " |")
    print("\n" + json.dumps({"benchmark": "detection", "families": rows}))


if __name__ == "__main__":
    main()
