"""Stands for systemctl where systemd is not process 1: the few calls of airra-exec, faithfully.

usage: systemctl.py DIRECTORY show|restart|reload … -- UNIT

Every unit is a JSON file of DIRECTORY and a real process. A start gives it a new invocation, any
change of state a later monotonic stamp; a unit that is not there has LoadState=not-found and
`show` succeeds all the same, as with systemd 252.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

FAILED, NOT_LOADED = 1, 5


def main() -> int:
    directory, verb, *words = sys.argv[1:]
    if "--" not in words or len(words) - words.index("--") != 2:
        sys.stderr.write("systemctl: expected -- and one unit\n")
        return FAILED
    unit = words[-1]
    path = Path(directory) / f"{unit}.json"
    state = json.loads(path.read_text()) if path.exists() else None
    if verb == "show":
        show(unit, state, words[0])
        return 0
    if state is None:
        sys.stderr.write(f"Failed to {verb} {unit}: Unit {unit} not found.\n")
        return NOT_LOADED
    if (Path(directory) / "denied").exists():
        sys.stderr.write(f"Failed to {verb} {unit}: Access denied\n")
        return FAILED
    if verb == "reload" and state["CanReload"] != "yes":
        sys.stderr.write(f"Failed to reload {unit}: Job type reload is not applicable\n")
        return FAILED
    path.write_text(json.dumps(changed(state, verb)))
    return 0


def show(unit: str, state: dict[str, Any] | None, asked: str) -> None:
    found = state or {"Id": unit, "LoadState": "not-found", "ActiveState": "inactive"}
    for name in asked.removeprefix("--property=").split(","):
        if name in found:
            sys.stdout.write(f"{name}={found[name]}\n")


def changed(state: dict[str, Any], verb: str) -> dict[str, Any]:
    now = {**state, "StateChangeTimestampMonotonic": str(time.monotonic_ns() // 1000)}
    if verb == "reload":
        return {**now, "Reloads": state["Reloads"] + 1}
    with suppress(ProcessLookupError):
        os.kill(state["MainPID"], signal.SIGKILL)
    running = subprocess.Popen(
        ["sleep", "600"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return {
        **now,
        "InvocationID": uuid.uuid4().hex,
        "MainPID": running.pid,
        "ActiveState": "active",
    }


if __name__ == "__main__":
    sys.exit(main())
