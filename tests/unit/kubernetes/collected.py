"""Fixtures of the rules: what was collected where one fires, and the change that makes it miss.

A fixture is two documents: what is expected, and what was collected. The near miss is the second
one with its texts replaced as `change` says, so that a reader sees what the rule hangs on.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from analysis.reasoning.kubernetes.model import Snapshot
from analysis.reasoning.kubernetes.reading import snapshot

FIXTURES = Path(__file__).with_name("fixtures")


@dataclass(frozen=True)
class Fixture:
    rule: str
    object: str
    fault: str
    near_miss: str
    fires: Mapping[str, Any]
    misses: Mapping[str, Any]


def fixture(rule: str) -> Fixture:
    """One's own to change; its text is read once, since one property asks for three hundred."""
    return deepcopy(_read(rule))


@cache
def _read(rule: str) -> Fixture:
    head, _, body = (FIXTURES / f"{rule}.yaml").read_text(encoding="utf-8").partition("\n---\n")
    told = yaml.safe_load(head)
    other = body
    for old, new in told["change"]:
        assert old in other, f"{rule}: {old!r} is not in the fixture"
        other = other.replace(old, new)
    return Fixture(
        rule=rule,
        object=told["object"],
        fault=told["fault"],
        near_miss=told["near_miss"],
        fires=yaml.safe_load(body),
        misses=yaml.safe_load(other),
    )


def read(collected: Mapping[str, Any]) -> Snapshot:
    rest = {key: value for key, value in collected.items() if key != "events"}
    return snapshot(rest, collected.get("events") or ())
