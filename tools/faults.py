"""`make faults`: every fault of the lab through the whole of AIRRA, from injection to verified fix.

Prints the table of docs/faults.md and, as its last line, the same figures as one JSON object.
Nothing is told to AIRRA: it sees the shop through the same connectors production uses, and a
script plays the approver over the REST API.
"""

import argparse
import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from tools.stack import Stack, wait_for

WARM_UP_S = 100
# What the lab calls a fault, in the words of AIRRA's mechanisms; either counts where both are true.
MEANS = {
    "leak": {"leak", "saturation"},
    "saturation": {"saturation"},
    "disk": {"saturation"},
    "change": {"change"},
    "crash": {"change"},
    "flag": {"change", "config"},
    "config": {"config", "change"},
    "dependency": {"dependency", "external"},
    "traffic": {"traffic"},
}
HEAD = (
    "| fault | injected into | detected after | incident names | top hypothesis | rivals | right? "
    "| action | right? | verified after | incidents |"
)


@dataclass
class Row:
    """What happened to one fault. Times in seconds; None when it never came."""

    fault: str
    service: str
    detected_s: float | None = None
    named: str = ""
    hypothesis: str = ""
    is_cause_right: bool = False
    rivals: int = 0
    confidence: float = 0.0
    action: str = ""
    is_action_right: bool = False
    verified_s: float | None = None
    incidents: int = 0
    ending: str = ""

    def cells(self) -> list[str]:
        def seconds(value: float | None) -> str:
            return "–" if value is None else f"{value:.0f} s"

        def tick(value: bool) -> str:  # noqa: FBT001 - one cell
            return "yes" if value else "no"

        return [
            self.fault,
            self.service,
            seconds(self.detected_s),
            self.named or "–",
            f"{self.hypothesis} ({self.confidence:.0%})" if self.hypothesis else "–",
            str(self.rivals),
            tick(self.is_cause_right),
            self.action or "–",
            tick(self.is_action_right),
            seconds(self.verified_s) if self.verified_s else self.ending or "–",
            str(self.incidents),
        ]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def get(api: httpx2.Client, path: str, **params: str) -> Any:
    answer = api.get(path, params=params)
    answer.raise_for_status()
    return answer.json()


def opened_since(api: httpx2.Client, known: set[str]) -> list[dict[str, Any]]:
    return [i for i in get(api, "/incidents")["items"] if i["key"] not in known]


def approve_live(api: httpx2.Client, incident: str, row: Row) -> bool:
    """Wait for the plan of an incident and approve it live, as the approver account."""

    def pending() -> dict[str, Any] | None:
        waiting = get(api, "/approvals/pending")["items"]
        return next((a for a in waiting if a["incident"] == incident), None)

    def planned_or_not() -> Any:
        state = get(api, f"/incidents/{incident}")["state"]
        return pending() or (state in {"no_safe_action", "resolved"} and state)

    found = wait_for("a plan", planned_or_not, within_s=150, every_s=1)
    if isinstance(found, str):
        row.ending = found
        return False
    row.action = found["action"]
    answer = api.post(
        f"/approvals/{found['id']}/approve",
        json={
            "approved_by": "approver",
            "execution_mode": "live",
            "comment": "fault table: read the dry run, go",
        },
    )
    answer.raise_for_status()
    return True


def judge(api: httpx2.Client, incident: str, row: Row, truth: dict[str, Any]) -> None:
    """Compare the top hypothesis and the action with what the lab says it broke."""
    detail = get(api, f"/incidents/{incident}")
    row.named = detail["service"] or ""
    ranked = detail["hypotheses"]
    if ranked:
        top = ranked[0]
        row.hypothesis = f"{top['entity']}: {top['mechanism']}"
        row.confidence = top["confidence"]
        # An outside provider and the service that cannot do without it are one cause.
        is_place = top["entity"] in {truth["root_cause"], truth["default_service"]}
        row.is_cause_right = is_place and top["mechanism"] in MEANS[truth["mechanism"]]
        row.rivals = len(ranked)
    row.is_action_right = row.action == truth["repair"]
    row.ending = detail["state"]


def play(stack: Stack, truth: dict[str, Any]) -> Row:
    """Inject one fault and follow it to its end."""
    row = Row(truth["name"], truth["default_service"])
    with stack.api("approver") as api:
        known = {i["key"] for i in get(api, "/incidents")["items"]}
        stack.inject(row.fault)
        injected = time.monotonic()
        try:
            wait_for("an incident", lambda: opened_since(api, known), within_s=240, every_s=1)
            row.detected_s = time.monotonic() - injected
            incident = opened_since(api, known)[-1]["key"]
            approved = approve_live(api, incident, row)
            since = time.monotonic()
            judge(api, incident, row, truth)
            if approved:
                ended = ("resolved", "no_safe_action")
                wait_for(
                    "the end",
                    lambda: get(api, f"/incidents/{incident}")["state"] in ended,
                    within_s=300,
                    every_s=1,
                )
                judge(api, incident, row, truth)
                if row.ending == "resolved":
                    row.verified_s = time.monotonic() - since
        except TimeoutError as error:
            row.ending = str(error)
        row.incidents = len(opened_since(api, known))
    return row


def fresh(name: str, var: Path) -> Row:
    """One fault on a shop and an AIRRA that have seen nothing else.

    Fresh ones, because policy counts: the seventh action within an hour is not AIRRA's to take.
    """
    with Stack(var=var / name) as stack:
        stack.start_lab()
        stack.prepare()
        stack.start_airra()
        time.sleep(WARM_UP_S)
        return play(stack, catalogue(stack)[name])


def catalogue(stack: Stack) -> dict[str, dict[str, Any]]:
    answer = httpx2.get(f"{stack.lab_url}/lab/faults/catalog", trust_env=False)
    return {truth["name"]: truth for truth in answer.json()["faults"]}


def names_in(var: Path) -> list[str]:
    with Stack(var=var / "catalogue") as stack:
        stack.start_lab()
        return list(catalogue(stack))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", help="only these; all of them by default")
    parser.add_argument("--var", type=Path, help="keep logs and databases here")
    parser.add_argument("--jobs", type=int, default=1, help="so many shops side by side")
    args = parser.parse_args()
    var = args.var or Path(tempfile.mkdtemp(prefix="airra-faults-"))
    rows: list[Row] = []
    say(HEAD)
    say("|" + "---|" * (HEAD.count("|") - 1))
    with ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(partial(fresh, var=var), args.faults or names_in(var)):
            rows.append(row)
            say("| " + " | ".join(row.cells()) + " |")
    say(json.dumps({"faults": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
