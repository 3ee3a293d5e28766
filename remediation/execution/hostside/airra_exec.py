#!/usr/bin/env python3
"""Restarts and reloads the units of a list, and nothing else: the forced command of an SSH key.

Installed on a host by an operator, with Python's standard library only. It reads one JSON request
from its input and answers one JSON object; no word of the SSH command is looked at. In
authorized_keys, on one line:

  restrict,command="/usr/local/sbin/airra-exec --units a.service,b.service" ssh-ed25519 AAAA...

A change is refused when it is too old, when the unit is not as it was planned, and when its key has
been used; the key is kept before the change is begun. Exit status: 0 answered, 4 refused.
"""

import argparse
import fcntl
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,90}\.service")
KEY = re.compile(r"[A-Za-z0-9-]{8,64}")
# A host that cannot be reached any more cannot be repaired from afar.
NEVER = re.compile(
    r"(sshd?|ssh@.*|dbus.*|systemd-.*|network.*|NetworkManager.*|wpa_supplicant.*)\.service"
)
CHANGES = ("restart", "reload")
PROPERTIES = (
    "Id", "LoadState", "ActiveState", "SubState", "InvocationID", "StateChangeTimestampMonotonic",
    "CanReload", "NeedDaemonReload", "RefuseManualStop", "StartLimitBurst",
    "StartLimitIntervalUSec", "RequiredBy", "BoundBy", "ConsistsOf", "Result",
)  # fmt: skip
LIFE_S, SKEW_S, KEPT_S = 300, 60, 7 * 86_400
MOST_INPUT = 4096
REFUSED = 4


class Refused(Exception):
    """What is asked is not done. `moved`: because the unit is not as it was planned."""

    def __init__(self, reason: str, *, moved: bool = False) -> None:
        super().__init__(reason)
        self.moved = moved


class Host:
    """What may be done here, by which program, and what has been done."""

    def __init__(self, said: argparse.Namespace) -> None:
        self.units = [unit for unit in said.units.split(",") if unit]
        self.state = Path(said.state)
        self.timeout_s: float = said.timeout
        self.is_read_only: bool = said.read_only
        self.systemctl: list[str] = [*(["sudo", "-n"] if said.sudo else []), said.systemctl]

    def allowed(self, unit: object) -> str:
        """The unit, when it is one of the list. Raises `Refused`."""
        if not isinstance(unit, str) or not UNIT.fullmatch(unit) or NEVER.fullmatch(unit):
            raise Refused("that is no unit that may be touched")
        if unit not in self.units:
            raise Refused(f"{unit} is not in this key's list")
        return unit

    def look(self, unit: str) -> dict[str, str]:
        """The unit as systemd has it now."""
        said = self.run("show", f"--property={','.join(PROPERTIES)}", "--", unit)
        if said.returncode:
            raise Refused(f"systemctl show: {first_line(said.stderr)}")
        return dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """One call without a shell. Raises `subprocess.TimeoutExpired`."""
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        return subprocess.run(  # noqa: S603 - the words are ours, the unit is of the list
            [*self.systemctl, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=self.timeout_s,
            check=False,
        )

    def record(self, key: object) -> Path:
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise Refused("that is no key")
        return self.state / f"{key}.json"

    def kept(self, key: object) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads(self.record(key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return told

    def keep(self, key: object, told: dict[str, Any]) -> None:
        """On the disk before anything else happens, whole or not at all."""
        path = self.record(key)
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        directory = os.open(self.state, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    @contextmanager
    def alone(self, unit: str) -> Iterator[None]:
        """One change of a unit at a time; a second one is refused, it does not wait."""
        with (self.state / f"{unit}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused("another change of this unit is running") from None
            yield

    def prune(self) -> None:
        for path in self.state.glob("*.json"):
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink(missing_ok=True)

    def recent(self, unit: str, within_s: float) -> int:
        """How often this key's program restarted the unit in so many seconds."""
        since, count = time.time() - within_s, 0
        for path in self.state.glob("*.json"):
            told = json.loads(path.read_text(encoding="utf-8"))
            is_same = (told["unit"], told["verb"]) == (unit, "restart")
            count += is_same and told["at"] >= since
        return count


def version_of(unit: dict[str, str]) -> str:
    """Moves with every start and with every change of state."""
    return f"{unit.get('InvocationID') or 'none'}/{unit.get('StateChangeTimestampMonotonic', '0')}"


def shown(unit: dict[str, str], host: Host) -> dict[str, Any]:
    """What a plan has to know of the unit."""
    dependants = {
        name
        for kind in ("RequiredBy", "BoundBy", "ConsistsOf")
        for name in unit.get(kind, "").split()
    }
    window_s = span_s(unit.get("StartLimitIntervalUSec", ""))
    return {
        "unit": unit.get("Id", ""),
        "load": unit.get("LoadState", ""),
        "active": unit.get("ActiveState", ""),
        "sub": unit.get("SubState", ""),
        "invocation": unit.get("InvocationID", ""),
        "version": version_of(unit),
        "can_reload": unit.get("CanReload") == "yes",
        "may_stop": unit.get("RefuseManualStop") != "yes",
        "dependants": sorted(n for n in dependants if n.endswith(".service"))[:20],
        "burst": int(unit.get("StartLimitBurst") or 0),
        "starts": host.recent(unit.get("Id", ""), window_s),
    }


def span_s(text: str) -> float:
    """Seconds of a span as systemctl prints it: "10s", "1min 30s", "infinity"."""
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(us|ms|min|s|h|d)", text))


def first_line(text: str) -> str:
    return " ".join(text.split())[:160] or "no reason given"


def change(host: Host, verb: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Do it once for a key. Raises `Refused` only when nothing has been done."""
    if host.is_read_only:
        raise Refused("this key is read-only")
    unit, key = host.allowed(asked.get("unit")), asked.get("key")
    with host.alone(unit):
        earlier = host.kept(key)
        if earlier is not None:
            return earlier
        refuse_late(asked)
        before = host.look(unit)
        if version_of(before) != asked.get("expected"):
            raise Refused(f"{unit} is not as it was planned", moved=True)
        told = {"unit": unit, "verb": verb, "at": time.time(), "before": version_of(before)}
        host.prune()
        host.keep(key, {**told, "state": "begun"})
        told |= outcome(host, verb, unit, before)
        host.keep(key, told)
        return told


def outcome(host: Host, verb: str, unit: str, before: dict[str, str]) -> dict[str, Any]:
    try:
        said = host.run(verb, "--", unit)
        failure = first_line(said.stderr) if said.returncode else ""
    except subprocess.TimeoutExpired:
        failure = f"systemctl {verb} took longer than {host.timeout_s:g} s"
    try:
        after = host.look(unit)
    except (Refused, subprocess.TimeoutExpired):
        return {"state": "begun", "error": failure}
    has_moved = version_of(after) != version_of(before)
    state = "applied" if not failure or has_moved else "failed"
    return {
        "state": state,
        "version": version_of(after),
        "active": after.get("ActiveState", ""),
        "error": failure,
    }


def refuse_late(asked: dict[str, Any]) -> None:
    issued, deadline, now = moment(asked, "issued_at"), moment(asked, "deadline"), time.time()
    if not issued - SKEW_S <= now < min(deadline, issued + LIFE_S):
        raise Refused("too late: the attempt is older than it may be, or the clocks differ")


def moment(asked: dict[str, Any], name: str) -> float:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("a change says when it was issued and when it is too late")
    return value


def probe(host: Host, asked: dict[str, Any]) -> dict[str, Any]:
    """What became of a key."""
    host.allowed(asked.get("unit"))
    return host.kept(asked.get("key")) or {"state": "absent"}


def answer(host: Host, asked: dict[str, Any]) -> dict[str, Any]:
    verb = str(asked.get("verb"))
    if verb in CHANGES:
        return change(host, verb, asked)
    if verb == "probe":
        return probe(host, asked)
    if verb in {"describe", "status", "dry-run"}:
        unit = host.allowed(asked.get("unit"))
        return shown(host.look(unit), host)
    raise Refused("there is no such verb")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="airra-exec", allow_abbrev=False)
    parser.add_argument("--units", required=True, help="comma-separated, each ends in .service")
    parser.add_argument("--state", default="/var/lib/airra-exec", help="where used keys are kept")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one systemctl")
    parser.add_argument("--systemctl", default="/usr/bin/systemctl")
    parser.add_argument("--sudo", action="store_true", help="call systemctl through sudo -n")
    parser.add_argument("--read-only", action="store_true")
    return parser.parse_args(words)


def finish(told: dict[str, Any], status: int) -> NoReturn:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    sys.exit(status)


def main() -> NoReturn:
    os.umask(0o077)
    host = Host(arguments(sys.argv[1:]))
    try:
        content = sys.stdin.read(MOST_INPUT + 1)
        asked = json.loads(content) if len(content) <= MOST_INPUT else None
        if not isinstance(asked, dict):
            raise Refused("the request is no JSON object, or too long")
        told = answer(host, asked)
    except Refused as refused:
        finish({"error": str(refused), "moved": refused.moved}, REFUSED)
    except (ValueError, OSError, subprocess.TimeoutExpired) as error:
        # Before a key is kept nothing has happened; afterwards `outcome` answers.
        finish({"error": f"{type(error).__name__}: {error}"[:200], "moved": False}, 1)
    finish(told, 0)


if __name__ == "__main__":
    main()
