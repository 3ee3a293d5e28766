#!/usr/bin/env python3
"""Sets the request limit of a service, one file each: an example of a runbook script."""

import json
import sys
from pathlib import Path

PLACE = Path("/etc/shop/limits")
APPLIED, NOTHING_TO_DO, REFUSED = 0, 3, 4


def main() -> int:
    verb, asked = sys.argv[1], json.load(sys.stdin)
    path = PLACE / f"{asked['service']}.json"
    now = json.loads(path.read_text(encoding="utf-8"))
    if verb == "--probe":
        done = asked["key"] in now["keys"]
        return tell(state="applied" if done else "absent", version=str(now["serial"]))
    wanted = now["earlier"] if asked["undo"] else asked["args"]["limit"]
    if wanted == now["limit"]:
        return NOTHING_TO_DO
    if verb == "--check":
        return tell(
            version=str(now["serial"]),
            before={"limit": now["limit"]},
            after={"limit": wanted},
            effects=[f"requests above {wanted} per second are turned away"],
        )
    if (PLACE / "locked").exists():
        sys.stderr.write("changes are locked\n")
        return REFUSED
    if asked["expected_version"] != str(now["serial"]):
        tell(moved=True)
        return REFUSED
    serial = now["serial"] + 1
    write(
        path,
        {
            "limit": wanted,
            "earlier": now["limit"],
            "serial": serial,
            "keys": [*now["keys"], asked["key"]][-100:],
        },
    )
    return tell(version=str(serial))


def write(path: Path, state: dict[str, object]) -> None:
    """Whole or not at all: the key and what it did stand in one file."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state), encoding="utf-8")
    fresh.replace(path)


def tell(**answer: object) -> int:
    json.dump(answer, sys.stdout)
    return APPLIED


if __name__ == "__main__":
    sys.exit(main())
