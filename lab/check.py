"""`python -m lab check`: each fault injected, seen, repaired by the control API, seen gone."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from lab.client import LabClient
from lab.faults import CATALOGUE, Fault
from lab.jsontypes import JSON
from lab.signs import SIGNS, Sign

SHOWS_WITHIN_S: Final = 60.0
CALM_WITHIN_S: Final = 90.0
POLL_S: Final = 2.0


@dataclass(slots=True)
class Outcome:
    """The readings of each sign before, during and after; times in seconds."""

    fault: Fault
    before: list[float | None] = field(default_factory=list)
    during: list[float | None] = field(default_factory=list)
    after: list[float | None] = field(default_factory=list)
    shown_after_s: float | None = None
    repaired_after_s: float | None = None

    @property
    def is_right(self) -> bool:
        return self.shown_after_s is not None and self.repaired_after_s is not None


def run_check(*, url: str, secret: str, only: list[str]) -> int:
    """Check the named faults, or all; returns 0 when every one showed and was repaired."""
    with _lab_at(url, secret) as found:
        client = LabClient(found, secret=secret)
        _until(lambda: _is_ready(client), CALM_WITHIN_S)
        outcomes = []
        for name in only or CATALOGUE:
            outcome = check_one(client, CATALOGUE[name])
            outcomes.append(outcome)
            _report(outcome)
    wrong = [outcome.fault.name for outcome in outcomes if not outcome.is_right]
    sys.stdout.write(f"wrong: {', '.join(wrong)}\n" if wrong else "every row is right\n")
    return 1 if wrong else 0


def check_one(client: LabClient, fault: Fault) -> Outcome:
    """Heal, wait until calm, inject, wait until it shows, repair, wait until it is gone."""
    signs = SIGNS[fault.name]
    outcome = Outcome(fault)
    client.post("/lab/heal", {})
    _until(lambda: _are_well(client, signs), CALM_WITHIN_S)
    outcome.before = _read(client, signs)
    client.post("/lab/faults", {"fault": fault.name})
    outcome.shown_after_s = _until(lambda: _are_ill(client, signs), SHOWS_WITHIN_S)
    outcome.during = _read(client, signs)
    client.act(_repair(fault))
    outcome.repaired_after_s = _until(lambda: _are_well(client, signs), CALM_WITHIN_S)
    outcome.after = _read(client, signs)
    return outcome


def _repair(fault: Fault) -> JSON:
    repair = fault.repair_for(fault.default)
    return {"action": repair.action, "service": repair.service, "params": dict(repair.params)}


def _read(client: LabClient, signs: tuple[Sign, ...]) -> list[float | None]:
    return [client.number(sign.query) for sign in signs]


def _are_ill(client: LabClient, signs: tuple[Sign, ...]) -> bool:
    values = zip(signs, _read(client, signs), strict=True)
    return all(value is not None and value >= sign.ill for sign, value in values)


def _are_well(client: LabClient, signs: tuple[Sign, ...]) -> bool:
    values = zip(signs, _read(client, signs), strict=True)
    return all(value is not None and value <= sign.well for sign, value in values)


def _is_ready(client: LabClient) -> bool:
    services = client.get("/control/v1/services")["services"]
    requests = client.number("sum(rate(http_requests_total[20s]))")
    return all(s["ready_replicas"] == s["desired_replicas"] for s in services) and bool(requests)


def _until(holds: Callable[[], bool], within_s: float) -> float | None:
    """The seconds until it held, or None if it did not in time."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if holds():
            return time.monotonic() - began
        time.sleep(POLL_S)
    return None


def _report(outcome: Outcome) -> None:
    fault = outcome.fault
    mark = "ok   " if outcome.is_right else "WRONG"
    sys.stdout.write(
        f"{mark} {fault.name:19} shows after {_seconds(outcome.shown_after_s)}, {fault.repair:9}"
        f" repairs after {_seconds(outcome.repaired_after_s)}"
    )
    for place, sign in enumerate(SIGNS[fault.name]):
        row = (outcome.before[place], outcome.during[place], outcome.after[place])
        sys.stdout.write(f" | {sign.title}: {' → '.join(_number(value) for value in row)}")
    sys.stdout.write("\n")
    sys.stdout.flush()


def _seconds(value: float | None) -> str:
    return "  never" if value is None else f"{value:5.1f} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


@contextmanager
def _lab_at(url: str, secret: str) -> Iterator[str]:
    if url:
        yield url
        return
    command = [sys.executable, "-m", "lab", "run", "--port", "0", "--secret", secret]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101 - started with a pipe
            first = json.loads(process.stdout.readline())
            yield f"http://127.0.0.1:{first['port']}"
        finally:
            process.terminate()
