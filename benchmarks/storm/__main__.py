"""`python -m benchmarks.storm`: how well alerts of a storm become incidents, against the truth.

A thousand alerts over thirty services (`lab.storm`), with 5 % noise and several faults at once.
The engine was tuned on seeds 1 to 40 and 201 to 240. What is printed by itself is of other seeds.
`--end-to-end` posts one storm through the webhook into a database as well: a temporary SQLite, or
the one that AIRRA_DATABASE_URL names, which is filled.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping, Sequence

from benchmarks.storm import baselines
from benchmarks.storm.scoring import Score, score
from incidents.ingest.alerts import Message
from incidents.ingest.formats.alertmanager import parse
from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.replay import Happening, Replay
from incidents.ingest.grouping.subjects import known_names, subject_of
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Params
from lab.storm import Storm, storm

TUNED_ON = (*range(1, 41), *range(201, 241))
REPORTED = tuple(range(101, 113))
HEADER = "seed  means         alerts incidents  fewer  pair precision  pair recall"


def body_of(alert: Mapping[str, object]) -> bytes:
    """One alert as Alertmanager posts it."""
    group = json.dumps(alert["labels"], sort_keys=True)
    return json.dumps({"version": "4", "groupKey": group, "alerts": [alert]}).encode()


def happenings_of(made: Storm) -> list[Happening]:
    """Its messages as grouping sees them, read by the real adapter."""
    names = known_names(Topology(made.edges).services)
    found = []
    for number, message in enumerate(made.messages):
        read = parse(Message(body_of(message.alert), message.at)).alerts[0]
        subject = subject_of(
            key=read.dedup_key,
            title=read.title,
            service=read.service,
            labels=dict(read.labels or {}),
            at=read.starts_at,
            known=names,
        )
        found.append(Happening(str(number), subject, message.at, message.is_firing))
    return found


def measure(seed: int) -> dict[str, Score]:
    """The engine, each alert told counted once; once more without repeats; the baselines."""
    made = storm(seed)
    steps = happenings_of(made)
    replay = Replay(Scene(Topology(made.edges), params=Params())).run(steps)
    truths = {step.id: m.truth for step, m in zip(steps, made.messages, strict=True)}
    firing = [step for step in steps if step.is_firing]
    first: dict[tuple[str, object], Happening] = {}
    for step in firing:
        first.setdefault((step.subject.key, step.subject.at), step)

    def against(placed: Mapping[str, int | None], counted: Sequence[Happening]) -> Score:
        return score([(placed[step.id], truths[step.id]) for step in counted])

    return {
        "AIRRA": against(replay.placed, firing),
        "without repeats": against(replay.placed, list(first.values())),
        "by service": against(baselines.run(steps, baselines.by_service), firing),
        "by time": against(baselines.run(steps, baselines.by_time), firing),
    }


def row(seed: object, name: str, found: Score) -> str:
    return (
        f"{seed!s:>4}  {name:<15}{found.alerts:>5}{found.incidents:>10}{found.reduction:>8.1%}"
        f"{found.precision:>16.3f}{found.recall:>13.3f}"
    )


def mean(scores: Sequence[Score]) -> dict[str, float]:
    return {
        name: round(statistics.fmean(getattr(one, name) for one in scores), 3)
        for name in ("reduction", "precision", "recall")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(REPORTED))
    parser.add_argument("--end-to-end", action="store_true")
    given = parser.parse_args()
    print(HEADER)
    found: dict[str, list[Score]] = {}
    began = time.perf_counter()
    for seed in given.seeds:
        for name, one in measure(seed).items():
            found.setdefault(name, []).append(one)
            print(row(seed, name, one), flush=True)
    told: dict[str, object] = {
        "tuned_on": TUNED_ON,
        "seeds": given.seeds,
        "seconds": round(time.perf_counter() - began, 1),
        **{name: mean(scores) for name, scores in found.items()},
    }
    if given.end_to_end:
        from benchmarks.storm.through_http import post  # noqa: PLC0415 - starts Django

        told["end_to_end"] = post(storm(given.seeds[0]))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
