"""`make outcomes`: every way a fix can end, reached on a running shop, and how long each took.

Prints the table of docs/explain/verification.md and, as its last line, the same figures as JSON;
ends with status 1 when an outcome was not reached, or an undo came too late. AIRRA is told
nothing: it sees the shop through its connectors, and a script plays the approvers.
"""

import argparse
import html
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from tools.faults import get, opened_since, say
from tools.gate import Gate
from tools.stack import PASSWORD, Stack, wait_for

WARM_UP_S = 100
UNDO_WITHIN_S = 60.0
HEAD = "| outcome | how it was reached | verdict after | undo begun after harm | the page says |"


@dataclass
class Row:
    """One outcome. Seconds from the effect to the verdict, and from visible harm to the undo."""

    outcome: str
    how: str
    verdict_s: float | None = None
    undo_s: float | None = None
    says: str = ""
    wrong: list[str] = field(default_factory=list)

    def cells(self) -> list[str]:
        def seconds(value: float | None) -> str:
            return "–" if value is None else f"{value:.0f} s"

        said = "; ".join([*(f"NOT {w}" for w in self.wrong), self.says])
        return [self.outcome, self.how, seconds(self.verdict_s), seconds(self.undo_s), said]

    def expect(self, what: str, *, holds: bool) -> None:
        if not holds:
            self.wrong.append(what)


class Shop:
    """A fresh shop and a fresh AIRRA that have seen nothing else, and what the script asks."""

    def __init__(self, stack: Stack, gate: Gate) -> None:
        self.stack = stack
        self.gate = gate
        self.api = stack.api("approver")
        self.second = stack.api("second")
        self.seen: set[str] = set()

    def incident(self, *, or_again: str = "") -> str:
        """The key of the next incident that opens, or of the one that is reopened instead."""

        def found() -> str:
            new = opened_since(self.api, self.seen)
            if new:
                return str(new[-1]["key"])
            is_back = or_again and self.state(or_again) == "open"
            return or_again if is_back else ""

        key = str(wait_for("an incident", found, within_s=300, every_s=1))
        if key == or_again:
            self.api.post(f"/incidents/{key}/analyze", json={}).raise_for_status()
        self.seen.add(key)
        return key

    def state(self, key: str) -> str:
        return str(get(self.api, f"/incidents/{key}")["state"])

    def approved(self, key: str) -> str:
        """Wait for the incident's plan and approve it live, twice where two have to; its id."""

        def pending() -> Any:
            waiting = get(self.api, "/approvals/pending")["items"]
            return next((a for a in waiting if a["incident"] == key), None)

        found = wait_for(f"a plan for {key}", pending, within_s=180, every_s=1)
        for name, api in (("approver", self.api), ("second", self.second)):
            answer = api.post(
                f"/approvals/{found['id']}/approve",
                json={
                    "approved_by": name,
                    "execution_mode": "live",
                    "comment": "outcomes: read the dry run, go",
                },
            )
            answer.raise_for_status()
            if answer.json()["execution"] is not None:
                break
        return str(found["plan"])

    def runs(self, plan: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The execution of a plan and its undo."""
        found = get(self.api, f"/actions/{plan}")["executions"]
        by_kind = {run["kind"]: run for run in found if run["mode"] == "live"}
        return by_kind["apply"], by_kind.get("undo")

    def verdict(self, plan: str) -> dict[str, Any]:
        def told() -> Any:
            run, _ = self.runs(plan)
            return run if run["verdict"] or run["state"] in {"failed", "stale"} else None

        return dict(wait_for("a verdict", told, within_s=420, every_s=0.5))

    def after_effect(self, plan: str) -> dict[str, Any]:
        def done() -> Any:
            run, _ = self.runs(plan)
            return run if run["effect_at"] else None

        return dict(wait_for("the effect", done, within_s=120, every_s=0.5))

    def story(self, key: str) -> str:
        return " | ".join(e["text"] for e in get(self.api, f"/incidents/{key}/timeline"))

    def page_says(self, key: str, words: str) -> str:
        """The sentence of the incident's page that holds these words; empty when none does."""
        with httpx2.Client(
            base_url=self.stack.url, follow_redirects=True, timeout=30, trust_env=False
        ) as http:
            form = http.get("/accounts/login/").text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
            http.post(
                "/accounts/login/",
                data={
                    "username": "approver",
                    "password": PASSWORD,
                    "csrfmiddlewaretoken": token[1] if token else "",
                },
                headers={"Referer": f"{self.stack.url}/accounts/login/"},
            )
            page = http.get(f"/incidents/{key}/").text
        lines = [html.unescape(line) for line in re.split(r"<[^>]+>", page)]
        return next((" ".join(line.split()) for line in lines if words in line), "")

    def post_lab(self, path: str, body: dict[str, str]) -> None:
        url = f"{self.stack.lab_url}{path}"
        httpx2.post(url, json=body, timeout=30, trust_env=False).raise_for_status()


@contextmanager
def fresh(var: Path) -> Iterator[Shop]:
    stack = Stack(var=var)
    with Gate(stack.lab_port) as gate:
        stack.settings = {"AIRRA_LAB_PROMETHEUS_URL": gate.url}
        with stack:
            stack.start_lab()
            stack.prepare()
            stack.start_airra()
            time.sleep(WARM_UP_S)
            yield Shop(stack, gate)


class Watcher:
    """Reads the alerting metric twice a second past AIRRA, to know when harm becomes visible."""

    def __init__(self, shop: Shop, prediction: dict[str, Any]) -> None:
        self._url = f"{shop.stack.lab_url}/api/v1/query"
        self._prediction = prediction
        self._ended = threading.Event()
        self.points: list[tuple[float, float]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        query = {"query": self._prediction["query"]}
        while not self._ended.wait(0.5):
            answer = httpx2.get(self._url, params=query, timeout=10, trust_env=False).json()
            label = self._prediction["service_label"]
            values = [
                float(row["value"][1])
                for row in answer["data"]["result"]
                if row["metric"].get(label) == self._prediction["service"]
            ]
            if values:
                self.points.append((time.time(), max(values)))

    def first_beyond(self, limit: float, *, since: float) -> float | None:
        self._ended.set()
        return next((at for at, value in self.points if at >= since and value > limit), None)


def lasting_or_not(shop: Shop) -> list[Row]:
    """A leak is restarted away, comes back, is restarted again, and the third time refused."""
    match = Row("match", "memory leak, restart")
    shop.stack.inject("memory-leak")
    key = shop.incident()
    plan = shop.approved(key)
    _judge(match, shop, key, plan, "match", "verified “Restart payments”")
    match.expect("resolved", holds=shop.state(key) == "resolved")

    again = Row("match, recurred", "the leak goes on; restarted again")
    shop.stack.inject("memory-leak")
    began = time.monotonic()
    newer = shop.incident(or_again=key)
    second = shop.approved(newer)
    wait_for("a relapse", lambda: "held for" in shop.story(key), within_s=200, every_s=1)
    again.verdict_s = time.monotonic() - began
    again.says = shop.page_says(key, "held for")
    again.expect("marked as recurred", holds=bool(shop.runs(plan)[0]["recurred_at"]))
    again.expect("on the page", holds=bool(again.says))
    shop.verdict(second)

    masked = Row("masked fix blocked", "the leak goes on; a third restart")
    shop.stack.inject("memory-leak")
    third = shop.incident(or_again=newer)
    wait_for("a refusal", lambda: shop.state(third) == "no_safe_action", within_s=240, every_s=1)
    masked.says = shop.page_says(third, "only hides it")
    masked.expect("refused as masking", holds="only hides it: third time" in masked.says)
    return [match, again, masked]


def harm(shop: Shop) -> list[Row]:
    """A bad release whose rollback is worse: undone by itself."""
    row = Row("deviation, undone", "bad release that earlier ones cannot follow; rollback")
    shop.stack.inject("bad-deploy")
    key = shop.incident()
    shop.post_lab("/lab/traps", {"trap": "one-way-release"})
    plan = shop.approved(key)
    watcher = Watcher(shop, get(shop.api, f"/actions/{plan}")["prediction"])
    run = _judge(row, shop, key, plan, "deviation", "made it worse")
    wait_for("the undo", lambda: _undo_state(shop, plan) not in {"", "approved"}, within_s=60,
             every_s=0.2)  # fmt: skip
    begun = time.time()
    since = datetime.fromisoformat(run["created_at"]).timestamp()
    visible = watcher.first_beyond(run["verdict_numbers"]["alert"]["limit"], since=since)
    row.undo_s = begun - visible if visible else None
    within = row.undo_s is not None and row.undo_s <= UNDO_WITHIN_S
    row.expect(f"undone within {UNDO_WITHIN_S:.0f} s", holds=within)
    wait_for("its end", lambda: _undo_state(shop, plan) == "succeeded", within_s=60, every_s=0.5)
    row.expect("told as undone", holds=bool(shop.page_says(key, "undid “Roll back checkout")))
    row.expect("left to people", holds=shop.state(key) == "no_safe_action")
    return [row]


def half(shop: Shop) -> list[Row]:
    """Two bad releases in a row: the rollback leads to the first of them."""
    row = Row("partial", "two bad releases in a row; rollback by one")
    shop.stack.inject("bad-deploy")
    time.sleep(8)
    shop.stack.inject("bad-deploy")
    key = shop.incident()
    plan = shop.approved(key)
    _judge(row, shop, key, plan, "partial", "is not proved to have helped")
    row.expect("left to people", holds=shop.state(key) == "no_safe_action")
    return [row]


def blind(shop: Shop) -> list[Row]:
    """The source of metrics cannot be reached once the action is done."""
    row = Row("inconclusive", "used-up pool, restart; then the metrics cannot be read")
    shop.stack.inject("pool-exhaustion")
    key = shop.incident()
    plan = shop.approved(key)
    shop.after_effect(plan)
    shop.gate.shut()
    _judge(row, shop, key, plan, "inconclusive", "is not proved to have helped")
    row.expect("left to people", holds=shop.state(key) == "no_safe_action")
    return [row]


SCENES: dict[str, Callable[[Shop], list[Row]]] = {
    "lasting": lasting_or_not, "harm": harm, "half": half, "blind": blind,
}  # fmt: skip


def _judge(row: Row, shop: Shop, key: str, plan: str, verdict: str, words: str) -> dict[str, Any]:
    run = shop.verdict(plan)
    row.expect(f"{verdict} but {run['verdict'] or run['state']}", holds=run["verdict"] == verdict)
    if run["effect_at"] and run["finished_at"]:
        ended, begun = (datetime.fromisoformat(run[n]) for n in ("finished_at", "effect_at"))
        row.verdict_s = (ended - begun).total_seconds()
    row.says = shop.page_says(key, words)
    row.expect(f"on the page: {words}", holds=bool(row.says))
    return run


def _undo_state(shop: Shop, plan: str) -> str:
    _, undo = shop.runs(plan)
    return str(undo["state"]) if undo else ""


def played(name: str, var: Path) -> list[Row]:
    try:
        with fresh(var / name) as shop:
            return SCENES[name](shop)
    except (TimeoutError, httpx2.HTTPError) as error:
        return [Row(name, "", wrong=[f"reached: {error}"])]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", nargs="*", help=f"of {', '.join(SCENES)}; all by default")
    parser.add_argument("--var", type=Path, help="keep logs and databases here")
    parser.add_argument("--jobs", type=int, default=2, help="so many shops side by side")
    args = parser.parse_args()
    for name in set(args.scenes) - set(SCENES):
        parser.error(f"there is no scene {name!r}; one of {', '.join(SCENES)}")
    var = args.var or Path(tempfile.mkdtemp(prefix="airra-outcomes-"))
    rows: list[Row] = []
    say(HEAD)
    say("|" + "---|" * (HEAD.count("|") - 1))
    with ThreadPoolExecutor(args.jobs) as pool:
        for found in pool.map(partial(played, var=var), args.scenes or list(SCENES)):
            rows += found
            for row in found:
                say("| " + " | ".join(row.cells()) + " |")
    say(json.dumps({"outcomes": [asdict(row) for row in rows]}))
    return 1 if any(row.wrong for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
