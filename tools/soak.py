"""`python -m tools.soak`: AIRRA beside the lab for hours: nothing healthy alarms, a leak is early.

    python -m tools.soak healthy --hours 2
    python -m tools.soak leak --pace 0.25        # kills its process in about 50 minutes

A fresh shop and a fresh AIRRA on the embedded default. Prints what was opened and when, and as its
last line the same as one JSON object.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from tools.stack import Stack, wait_for

WARM_UP_S = 120
_SERVICE = "payments"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def incidents(stack: Stack) -> list[dict[str, Any]]:
    with stack.api("viewer") as api:
        answer = api.get("/incidents")
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["items"]
    return found


def told(stack: Stack, known: set[str], began: float) -> list[dict[str, Any]]:
    """Incidents not seen before, each told once, with how long after `began` they were seen."""
    rows = []
    for one in incidents(stack):
        if one["key"] not in known:
            known.add(one["key"])
            after_s = time.monotonic() - began
            rows.append({"after_s": round(after_s), **_short(one)})
            say(f"  {after_s:6.0f} s  {json.dumps(_short(one))}")
    return rows


def _short(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("key", "title", "severity", "is_predicted")}


def healthy(stack: Stack, hours: float) -> dict[str, Any]:
    """Let the healthy shop run; whatever is opened is a false alarm."""
    began, rows, known = time.monotonic(), [], set[str]()
    while time.monotonic() - began < hours * 3600:
        rows += told(stack, known, began)
        time.sleep(15)
    return {"healthy": {"hours": hours, "incidents": rows}}


def leak(stack: Stack, pace: float) -> dict[str, Any]:
    """Inject a creeping leak; how long before its process is killed was it noticed."""
    time.sleep(WARM_UP_S)
    known = {one["key"] for one in incidents(stack)}
    before = _restarts(stack)
    body = {"fault": "memory-leak", "service": _SERVICE, "pace": pace}
    httpx2.post(f"{stack.lab_url}/lab/faults", json=body, trust_env=False).raise_for_status()
    began, rows = time.monotonic(), list[dict[str, Any]]()

    def is_killed() -> bool:
        rows.extend(told(stack, known, began))
        return _restarts(stack) > before

    wait_for("the kill", is_killed, within_s=3 * 3600 / max(pace * 4, 0.25), every_s=10)
    killed_s = time.monotonic() - began
    say(f"  {killed_s:6.0f} s  killed")
    noticed_s = rows[0]["after_s"] if rows else None
    lead_min = None if noticed_s is None else round((killed_s - noticed_s) / 60, 1)
    say(f"noticed {lead_min} minutes before the kill")
    return {"leak": {"pace": pace, "killed_s": round(killed_s), "lead_min": lead_min, "told": rows}}


def _restarts(stack: Stack) -> float:
    query = f'sum(service_restarts_total{{service="{_SERVICE}"}})'
    answer = httpx2.get(
        f"{stack.lab_url}/api/v1/query", params={"query": query}, timeout=30, trust_env=False
    )
    result = answer.json()["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("healthy", "leak"))
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--pace", type=float, default=0.25)
    parser.add_argument("--var", type=Path, help="keep logs and databases here")
    args = parser.parse_args()
    var = args.var or Path(tempfile.mkdtemp(prefix="airra-soak-"))
    with Stack(var=var) as stack:
        stack.start_lab()
        stack.prepare()
        stack.start_airra()
        say(f"{args.what}: AIRRA at {stack.url}")
        found = healthy(stack, args.hours) if args.what == "healthy" else leak(stack, args.pace)
    say(json.dumps(found))


if __name__ == "__main__":
    main()
