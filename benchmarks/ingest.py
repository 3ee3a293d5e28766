"""`python -m benchmarks.ingest`: how many alerts a second are taken; none is lost or doubled.

Beside two references in the same run: a bare Django view that inserts the row (`ingest_urls`), in
turn with ours, and the real Alertmanager posting to a receiver that does nothing.
Then the same with web, worker and PostgreSQL killed with -9 in the middle of a burst, while the
sender tries again as Alertmanager does. A table, then one line of JSON.
"""

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.ingest_load import Outcome, send
from benchmarks.ingest_rig import Rig, plain_receiver
from benchmarks.ingest_turns import in_turn, verdict
from tools.stack import free_port, wait_for

GOAL_RATIO, GOAL_P99_MS = 0.8, 200.0

_REAL = "incidents_delivery WHERE position('\"real\"' in convert_from(body, 'UTF8')) > 0"
_CAME = f"SELECT count(*) FROM {_REAL}"  # noqa: S608 - constants
_TOOK_MS = f"SELECT 1000 * extract(epoch FROM max(received_at) - min(received_at)) FROM {_REAL}"  # noqa: S608
_EMPTY = "WITH gone AS (DELETE FROM incidents_delivery RETURNING 1) SELECT count(*) FROM gone"


def sustained(rig: Rig, peak_per_s: float, *, for_s: float) -> dict[str, Any]:
    """How long an answer takes at half of what could be answered, worker and all."""
    deliveries = int(peak_per_s / 2 * for_s)
    outcome, told = _with_worker(rig, "sustained", deliveries, per_s=peak_per_s / 2)
    return {"per_s": round(outcome.rate, 1), **told}


def burst(rig: Rig, alerts: int) -> dict[str, Any]:
    """As many as come at once: how fast they are answered, and when the last is an alert."""
    outcome, told = _with_worker(rig, "burst", alerts)
    return {"answered_per_s": round(outcome.rate, 1), **told}


def _with_worker(
    rig: Rig, name: str, alerts: int, *, per_s: float = 0
) -> tuple[Outcome, dict[str, Any]]:
    begun = time.monotonic()
    outcome = _run(rig, rig.hook, name, deliveries=alerts, per_s=per_s)
    drained_s = rig.drained(within_s=900)
    whole_s = time.monotonic() - begun
    lost, doubled = rig.lost_and_doubled(name, alerts)
    return outcome, {
        "alerts": alerts,
        "p50_ms": round(outcome.quantile_ms(0.5), 1),
        "p99_ms": round(outcome.quantile_ms(0.99), 1),
        "drained_after_s": round(drained_s, 1),
        "alerts_per_s": round(alerts / whole_s, 1),
        "lost": lost,
        "doubled": doubled,
    }


def killed(rig: Rig, who: str, alerts: int, *, kill: Callable[[], None]) -> dict[str, Any]:
    """A burst in whose middle one part dies with SIGKILL and comes back two seconds later."""
    name = f"killed-{who}"
    before = rig.count("SELECT count(*) FROM incidents_delivery")
    done = threading.Event()

    def strike() -> None:
        wait_for(
            "the middle",
            lambda: rig.count("SELECT count(*) FROM incidents_delivery") - before > alerts / 3,
            within_s=120,
            every_s=0.05,
        )
        kill()
        done.set()

    striker = threading.Thread(target=strike)
    striker.start()
    outcome = _run(rig, rig.hook, name, deliveries=alerts)
    striker.join()
    assert done.is_set(), "it was killed in the middle"  # noqa: S101
    drained_s = rig.drained(within_s=900)
    lost, doubled = rig.lost_and_doubled(name, alerts)
    tried_again = sum(outcome.statuses.values()) - len(outcome.waits)
    return {
        "killed": who,
        "alerts": alerts,
        "sent_again": tried_again,
        "drained_after_s": round(drained_s, 1),
        "lost": lost,
        "doubled": doubled,
    }


def kills(rig: Rig, alerts: int) -> list[dict[str, Any]]:
    def worker() -> None:
        rig.stack.kill("worker")
        time.sleep(2)
        rig.stack.start_worker()

    def web() -> None:
        rig.stack.kill("web")
        time.sleep(2)
        rig.start_web()

    def postgres() -> None:
        rig.cluster.kill()
        time.sleep(2)
        rig.cluster.start()

    parts = {"worker": worker, "web": web, "postgres": postgres}
    return [killed(rig, name, alerts, kill=kill) for name, kill in parts.items()]


def alertmanager(rig: Rig, alerts: int) -> dict[str, Any]:
    """The real binary posting one delivery an alert: to a receiver that does nothing, and to us."""
    with plain_receiver() as (port, came):
        _posted_by_alertmanager(rig, f"http://127.0.0.1:{port}/", "plain", alerts)
        wait_for("all of them", lambda: len(came) >= alerts, within_s=120, every_s=0.05)
        plain_s = max(came) - min(came)
    rig.stack.kill("plain")
    _posted_by_alertmanager(rig, f"{rig.stack.url}{rig.hook}", "real", alerts)
    wait_for("all of them", lambda: rig.count(_CAME) >= alerts, within_s=300, every_s=0.1)
    ours_s = rig.count(_TOOK_MS) / 1000
    rig.drained(within_s=900)
    rig.stack.kill("real")
    lost, doubled = rig.lost_and_doubled("real", alerts)
    return {
        "alerts": alerts,
        "to_nothing_per_s": round(alerts / plain_s, 1),
        "to_airra_per_s": round(alerts / ours_s, 1),
        "lost": lost,
        "doubled": doubled,
    }


def _posted_by_alertmanager(rig: Rig, url: str, name: str, alerts: int) -> None:
    port = free_port()
    directory = Path(rig.stack.var) / name
    directory.mkdir()
    (directory / "alertmanager.yml").write_text(
        f"""
route: {{receiver: r, group_by: ["..."], group_wait: 1s, group_interval: 5m}}
receivers:
  - name: r
    webhook_configs:
      - url: {url}
        http_config: {{authorization: {{credentials: "{rig.token}"}}}}
""",
        encoding="utf-8",
    )
    rig.stack.start(
        name,
        "prometheus-alertmanager",
        f"--config.file={directory}/alertmanager.yml",
        f"--storage.path={directory}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    ready = f"http://127.0.0.1:{port}/-/ready"
    wait_for("Alertmanager", lambda: _is_up(ready), within_s=30)
    fired = [
        {"labels": {"alertname": name, "service": f"service-{n % 30}", "instance": str(n)}}
        for n in range(alerts)
    ]
    posted = httpx2.post(f"http://127.0.0.1:{port}/api/v2/alerts", json=fired, trust_env=False)
    posted.raise_for_status()


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(url, trust_env=False).status_code == 200
    except httpx2.TransportError:
        return False


def _run(rig: Rig, path: str, name: str, **load: Any) -> Outcome:
    return send(port=rig.stack.port, path=path, token=rig.token, name=name, **load)


def show(found: dict[str, Any]) -> None:
    turn = found["in_turn"]
    print(f"{turn['pairs']} pairs of turns, A B B A; {turn['elsewhere']:.0%} of the CPU elsewhere")
    print(f"{'view':<14} {'answers/s':>10} {'CPU ms':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for name, what in (("bare", "bare insert"), ("ours", "AIRRA")):
        row = turn[name]
        times = f"{row['cpu_ms']:>8.2f} {row['p50_ms']:>8} {row['p99_ms']:>8}"
        print(f"{what:<14} {row['per_s']:>10} {times}")
    for name, what in (("ratio", "rate"), ("cpu_ratio", "CPU")):
        row = turn[name]
        span = f"19 times in 20 {row['low']:.1%} to {row['high']:.1%}"
        ends = f"single pairs {row['least']:.0%} to {row['greatest']:.0%}"
        print(f"{what + ' of bare':<14} {row['median']:>10.1%}  {span}; {ends}")
    told = verdict(turn["ratio"], GOAL_RATIO)
    print(f"goal: at least {GOAL_RATIO:.0%} of the bare insert's rate: {told}")
    met = "met" if found["sustained"]["p99_ms"] < GOAL_P99_MS else "missed"
    print(f"goal: p99 of an answer at half the peak under {GOAL_P99_MS:.0f} ms: {met}")
    print(f"{'run':<16} {'alerts':>7} {'lost':>5} {'doubled':>8}  ")
    for name in ("sustained", "burst", "alertmanager"):
        row = found[name]
        rest = {k: v for k, v in row.items() if k not in {"alerts", "lost", "doubled"}}
        shown = ", ".join(f"{key} {value}" for key, value in rest.items())
        print(f"{name:<16} {row['alerts']:>7} {row['lost']:>5} {row['doubled']:>8}  {shown}")
    for row in found["kills"]:
        told = f"{row['sent_again']} sent again, drained after {row['drained_after_s']} s"
        counts = f"{row['alerts']:>7} {row['lost']:>5} {row['doubled']:>8}"
        print(f"-9 {row['killed']:<13} {counts}  {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40, help="turns of each view")
    parser.add_argument("--seconds", type=float, default=1, help="of one turn")
    parser.add_argument("--sustained", type=float, default=20, help="seconds at half the peak")
    parser.add_argument("--burst", type=int, default=1000)
    parser.add_argument("--redis", default="redis://127.0.0.1:6379/14")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="airra-ingest-") as place:
        rig = Rig(Path(place), given.redis)
        try:
            rig.start_web()
            for path in (rig.bare, rig.hook):
                _run(rig, path, "warm", for_s=3)
            turns = partial(_run, rig, for_s=given.seconds)
            found: dict[str, Any] = {"in_turn": in_turn(rig, turns, pairs=given.pairs)}
            rig.count(_EMPTY)
            rig.stack.start_worker()
            rig.stack.start_beat()
            peak_per_s = found["in_turn"]["ours"]["per_s"]
            found["burst"] = burst(rig, given.burst)
            found["sustained"] = sustained(rig, peak_per_s, for_s=given.sustained)
            found["alertmanager"] = alertmanager(rig, given.burst // 2)
            found["kills"] = kills(rig, given.burst)
        finally:
            rig.close()
    show(found)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
