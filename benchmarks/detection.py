"""`python -m benchmarks.detection --data DIR --out DIR`: the shipped detector on labelled series.

Reads a folder of series (`labels.json` and `series/<id>.csv.gz`, columns timestamp,value), writes
one `<id>.csv.gz` with timestamp,value,score,flag to --out, causally and with one configuration
for every series, and only then reads the labels to sum up events as a pager would feel them. The
written scores are in the format the published scorer of such folders takes.
"""

import argparse
import csv
import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.perception.bank import Bank, Readings
from analysis.perception.settings import DetectorSettings, Direction
from analysis.perception.state import row_bytes
from analysis.types import Floats

DAY_S = 86_400.0
CHUNK = 2_000
ALARM_GAP_S, ALARM_REPEAT_S, WEEK_S = 1800.0, 4 * 3600.0, 7 * DAY_S


@dataclass(frozen=True)
class Labelled:
    """A series of the folder, without its labels."""

    name: str
    step_s: float
    stamps: list[str]
    times: Floats
    values: Floats


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


@dataclass(frozen=True)
class Batch:
    """Series on one grid: values (rows, times), and where the points of each lie in it."""

    members: list[Labelled]
    times: Floats
    values: Floats
    places: list[NDArray[np.intp]]


def batches(series: list[Labelled]) -> Iterator[Batch]:
    """Series of one step and phase are judged at once, each moved to the same first day.

    Rows do not see each other, and a whole day earlier or later is the same time of day. A series
    that keeps to no grid is judged alone, by a clock that never stands still.
    """
    grids: dict[tuple[float, float, str], list[Labelled]] = defaultdict(list)
    for one in series:
        gaps = np.diff(one.times)
        is_regular = bool((gaps > 0).all() and (gaps % one.step_s == 0).all())
        phase = float(one.times[0] % one.step_s)
        grids[one.step_s, phase, "" if is_regular else one.name].append(one)
    for (step_s, phase, alone), members in grids.items():
        if alone:
            times = members[0].times
            yield Batch(
                members, _running(times), members[0].values[None, :], [np.arange(len(times))]
            )
            continue
        places = [_places(one, phase) for one in members]
        length = max(int(place[-1]) for place in places) + 1
        values = np.full((len(members), length), np.nan)
        for row, (one, place) in enumerate(zip(members, places, strict=True)):
            values[row, place] = one.values
        yield Batch(members, phase + step_s * np.arange(length, dtype=np.float64), values, places)


def _places(one: Labelled, phase: float) -> NDArray[np.intp]:
    since = one.times - one.times[0] // DAY_S * DAY_S - phase
    found: NDArray[np.intp] = np.rint(since / one.step_s).astype(np.intp)
    return found


def _running(times: Floats) -> Floats:
    """Times that only ever go on: a repeated or earlier stamp comes a millisecond later."""
    found: Floats = np.maximum.accumulate(times) + 1e-3 * np.arange(len(times))
    return found


def judge(batch: Batch, settings: DetectorSettings) -> Readings:
    """All readings of a batch, chunk by chunk as a scan would ask for them."""
    bank = Bank.new(len(batch.members), step_s=batch.members[0].step_s)
    return Readings.joined(
        bank.advance(batch.times[i : i + CHUNK], batch.values[:, i : i + CHUNK], settings)
        for i in range(0, len(batch.times), CHUNK)
    )


def alarms(flags: NDArray[np.bool_], interval_s: float) -> list[int]:
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
    after = max(round(ALARM_GAP_S / meta["interval_s"]), 2) if meta["grace"] else 0
    neutral: set[int] = set()
    for start, end in meta["events"]:
        last = max(end, start + meta["grace"])
        neutral |= {row for row in rung if start - meta["lead"] <= row <= last + after}
        if start < meta["score_from"]:
            continue
        hits = [row for row in rung if start - meta["lead"] <= row <= last]
        tally.events += 1
        if hits:
            tally.detected += 1
            tally.delays_s.append(max(hits[0] - start, 0) * meta["interval_s"])
    tally.series += 1
    tally.false_alarms += len(set(rung) - neutral)
    tally.weeks += (meta["n"] - meta["score_from"]) * meta["interval_s"] / WEEK_S


def read(folder: Path) -> list[Labelled]:
    """The series of a folder. Of `labels.json` only the ids and the sampling interval are used."""
    listed = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["series"]
    found = []
    for name in sorted(listed):
        with gzip.open(folder / "series" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        stamps = [row[0] for row in rows]
        times = np.array([_seconds(stamp) for stamp in stamps])
        values = np.array([float(row[1] or "nan") for row in rows])
        found.append(Labelled(name, float(listed[name]["interval_s"]), stamps, times, values))
    return found


def _seconds(stamp: str) -> float:
    at = datetime.fromisoformat(stamp)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def write(folder: Path, one: Labelled, score: Floats, flags: NDArray[np.bool_]) -> None:
    with gzip.open(folder / f"{one.name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["timestamp", "value", "score", "flag"])
        for at, value, found, flag in zip(one.stamps, one.values, score, flags, strict=True):
            writer.writerow([at, f"{value:.8g}", f"{found:.6g}", int(flag)])


def summary(folder: Path, flags: Mapping[str, NDArray[np.bool_]]) -> dict[str, dict[str, float]]:
    """What the alarms are worth, by family. Reads the labels: call it when all is written."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["series"]
    for name, meta in sorted(labels.items()):
        is_scored = np.arange(meta["n"]) >= meta["score_from"]
        add(tallies[meta["dataset"]], alarms(flags[name] & is_scored, meta["interval_s"]), meta)
    return {family: tally.row() for family, tally in sorted(tallies.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings = DetectorSettings(direction=Direction.BOTH)  # no series says which way is bad
    flags: dict[str, NDArray[np.bool_]] = {}
    began = time.perf_counter()
    for batch in batches(read(args.data)):
        found = judge(batch, settings)
        for row, (one, place) in enumerate(zip(batch.members, batch.places, strict=True)):
            flags[one.name] = found.is_flagged[row, place]
            write(args.out, one, found.score[row, place], flags[one.name])
    spent_s = time.perf_counter() - began
    families = summary(args.data, flags)
    print(f"{settings}; {row_bytes()} bytes of state a series; {spent_s:.0f} s\n")
    head = list(next(iter(families.values())))
    print("| family | " + " | ".join(head) + " |\n|" + "---|" * (len(head) + 1))
    for family, figures in families.items():
        print(f"| {family} | " + " | ".join(f"{figures[name]:g}" for name in head) + " |")
    print("\n" + json.dumps({"benchmark": "detection", "families": families}))


if __name__ == "__main__":
    main()
