"""`python -m tools.worlds record`: play faults in the lab and freeze what it told, for the evals.

Each world is a fresh shop: it runs in health, the faults are injected, and what it had told until
two minutes later is written to `lab/worlds/`. What AIRRA then would have opened is found by
scanning the frozen world as `tools.replay` does, and written into it beside the truth.
"""

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from tools.stack import ROOT, Stack, answers, free_port, wait_for

WORLDS = ROOT / "lab" / "worlds"
HEALTHY_S = 270.0
FAULTY_S = 130.0
# Less than the shop tells by default: enough to find every fault in, and a third of the bytes.
TELLS = {"LAB_SCRAPE_INTERVAL": "5", "LAB_TRACE_RATIO": "0.2"}


@dataclass(frozen=True)
class Plan:
    """One world: the faults injected together, each as fault or fault:service."""

    name: str
    faults: tuple[str, ...]


PLANS = (
    *(
        Plan(fault, (fault,))
        for fault in (
            "memory-leak", "cpu-burn", "slow-query", "pool-exhaustion", "bad-deploy", "crash-loop",
            "dependency-timeout", "traffic-surge", "config-error", "full-disk",
        )
    ),
    Plan("memory-leak-gateway", ("memory-leak:gateway",)),
    Plan("cpu-burn-checkout", ("cpu-burn:checkout",)),
    Plan("crash-loop-payments", ("crash-loop:payments",)),
    Plan("config-error-search", ("config-error:search",)),
    Plan("pool-exhaustion-search", ("pool-exhaustion:search",)),
    Plan("two-deploy-and-leak", ("bad-deploy", "memory-leak:search")),
    Plan("two-bank-and-config", ("dependency-timeout", "config-error:search")),
    Plan("healthy", ()),
)  # fmt: skip


def record(plan: Plan, into: Path) -> Path:
    """Play one plan and freeze it. Returns the file."""
    path = into / f"{plan.name}.json.gz"
    with tempfile.TemporaryDirectory() as var, Stack(var=Path(var), settings=TELLS) as stack:
        stack.start_lab()
        began = time.time() + 20  # the shop's own start is no health
        time.sleep(HEALTHY_S)
        injected_at = time.time()
        for fault in plan.faults:
            stack.inject(*fault.split(":"))
        time.sleep(FAULTY_S)
        lab = (sys.executable, "-m", "lab", "freeze", str(path), "--since", str(began))
        subprocess.run([*lab, "--url", stack.lab_url], cwd=ROOT, check=True)
    told = _read(path)
    told["about"] |= {"name": plan.name, "injected_at": injected_at}
    _write(path, told)
    return path


def alarm(path: Path) -> dict[str, Any]:
    """What AIRRA would have opened in this world, written into it."""
    port = free_port()
    lab = (sys.executable, "-m", "lab", "serve", str(path), "--port", str(port))
    told = _read(path)
    about = told["about"]
    url = f"http://127.0.0.1:{port}/{path.name.removesuffix('.json.gz')}"
    with subprocess.Popen(lab, cwd=ROOT, stdout=subprocess.DEVNULL) as museum:
        wait_for("the museum", lambda: answers(url), within_s=60)
        faults = httpx2.get(f"http://127.0.0.1:{port}/lab/faults/catalog", trust_env=False).json()
        start, end = (_iso(about[at]) for at in ("injected_at", "frozen_at"))
        replay = (sys.executable, "-m", "tools.replay", "--prometheus", url)
        done = subprocess.run(
            [*replay, "--start", start, "--end", end],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        museum.terminate()
    opened = json.loads(done.stdout.splitlines()[-1])["replay"]["incidents"]
    about |= {"opened": opened, "truth": _truth(about["injected"], faults["faults"])}
    _write(path, _thinned(told))
    return {"world": path.name, "opened": opened}


def _thinned(told: dict[str, Any]) -> dict[str, Any]:
    """One in four of the lines that say that all is well, half of the traces without an error.

    Evenly over time, so that before and after still compare; what stands out stays.
    """
    about = told["about"]
    if not about.get("is_thinned"):
        is_plain = [json.loads(line)["level"] == "info" for line in told["lines"]]
        told["lines"] = _every(4, told["lines"], is_plain)
        is_well = [all(span[8] < 500 and not span[9] for span in t[1]) for t in told["traces"]]
        told["traces"] = _every(2, told["traces"], is_well)
        about["is_thinned"] = True
    return told


def _every(nth: int, rows: list[Any], is_common: list[bool]) -> list[Any]:
    """The rows without all but every nth of the common ones."""
    kept, seen = [], 0
    for row, common in zip(rows, is_common, strict=True):
        seen += common
        if not common or seen % nth == 0:
            kept.append(row)
    return kept


def _truth(injected: list[dict[str, Any]], catalogue: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was broken, in words of the catalogue; a provider outside and who needs it are one."""
    known = {fault["name"]: fault for fault in catalogue}
    truths = []
    for one in injected:
        fault = known[one["fault"]]
        outside = {fault["root_cause"]} - {fault["default_service"]}
        causes = sorted({one["service"], *outside})
        truths.append({"fault": one["fault"], "causes": causes, "mechanism": fault["mechanism"]})
    return truths


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _read(path: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return told


def _write(path: Path, told: dict[str, Any]) -> None:
    body = json.dumps(told, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(gzip.compress(body, compresslevel=9, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("record", "alarm"):
        one = commands.add_parser(name)
        one.add_argument("names", nargs="*", help="only these worlds; all by default")
        one.add_argument("--dir", type=Path, default=WORLDS)
        one.add_argument("--jobs", type=int, default=1, help="so many side by side")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    wanted = [plan for plan in PLANS if plan.name in args.names or not args.names]
    work = (
        partial(_record_with_alarm, into=args.dir)
        if args.command == "record"
        else partial(_alarm_of, into=args.dir)
    )
    with ThreadPoolExecutor(args.jobs) as pool:
        for found in pool.map(work, wanted):
            sys.stdout.write(json.dumps(found) + "\n")
            sys.stdout.flush()


def _record_with_alarm(plan: Plan, into: Path) -> dict[str, Any]:
    return alarm(record(plan, into))


def _alarm_of(plan: Plan, into: Path) -> dict[str, Any]:
    return alarm(into / f"{plan.name}.json.gz")


if __name__ == "__main__":
    main()
