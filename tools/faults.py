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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from tools.stack import Stack, wait_for

WARM_UP_S = 100
CALM_S = 60
HEAD = (
    "| fault | injected into | detected after | incident names | top hypothesis | right? "
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
        right = {truth["root_cause_service"], *truth.get("also_right", [])}
        row.is_cause_right = top["entity"] in right and top["mechanism"] in truth["mechanisms"]
    row.is_action_right = row.action == truth["repair"]["action"]
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


def quiet(stack: Stack) -> None:
    """Heal the shop, close what is left open, and let the signals settle."""
    httpx2.post(f"{stack.lab_url}/lab/heal", timeout=60, trust_env=False).raise_for_status()
    with stack.api("responder") as api:
        for incident in get(api, "/incidents")["items"]:
            if incident["state"] not in {"resolved", "closed", "merged"}:
                api.post(f"/incidents/{incident['key']}/resolve", json={"resolution": "healed"})
    time.sleep(CALM_S)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", help="only these; all of them by default")
    parser.add_argument("--var", type=Path, help="keep logs and database here")
    args = parser.parse_args()
    var = args.var or Path(tempfile.mkdtemp(prefix="airra-faults-"))
    rows: list[Row] = []
    with Stack(var=var) as stack:
        stack.start_lab()
        stack.prepare()
        stack.start_airra()
        catalog = httpx2.get(f"{stack.lab_url}/lab/faults/catalog", trust_env=False).json()
        time.sleep(WARM_UP_S)
        say(HEAD)
        say("|" + "---|" * (HEAD.count("|") - 1))
        for truth in catalog["faults"]:
            if args.faults and truth["name"] not in args.faults:
                continue
            rows.append(play(stack, truth))
            say("| " + " | ".join(rows[-1].cells()) + " |")
            quiet(stack)
    say(json.dumps({"faults": [asdict(row) for row in rows]}))


if __name__ == "__main__":
    main()
