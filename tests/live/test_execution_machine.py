"""The commands on PostgreSQL keep every promise, and the machine that says so can see defects."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from tests.live.databases import own_database
from tests.live.execution_machine import Machine
from tests.live.executor_rig import Defect, Rig

pytestmark = pytest.mark.live

EXAMPLES, STEPS = 16, 40
# What a run has to reach, so that its silence means something: about half of what it does reach,
# which is the same in every run of the same commands.
ENOUGH = {
    "claims": 30,
    "races": 10,  # one message to both workers at the same time
    "claims stopped in the UPDATE": 4,  # by what changed after the look
    "claims made void": 8,  # by an edit of the plan or the policy
    "stopped by the last look": 5,
    "unknown": 12,
    "found by a probe": 3,
    "absent by a probe": 5,
    "killed at sending": 3,
    "killed at held": 3,  # the target has done it and holds its answer
    "killed at answered": 2,
}
_ACTING = "remediation.commands.acting.execution"
# Each once in the source of the commands; the machine has to find every one.
DEFECTS = [
    Defect(
        "sent again when no answer came",
        _ACTING,
        "_record(execution, executor.apply(planned, attempt))",
        """effect = executor.apply(planned, attempt)
            if effect.applied is Applied.UNKNOWN:
                effect = executor.apply(planned, attempt)
            _record(execution, effect)""",
    ),
    Defect(
        "absent believed at once",
        "remediation.commands.execution",
        "execution.quarantine_until <= now",
        "True",
    ),
    Defect(
        "last look left out",
        _ACTING,
        "    stopped = stops.stopped(execution)\n    return f",
        "    stopped = False\n    return f",
    ),
]


def _explore(rig: Rig) -> None:
    machine = type("ExecutionMachine", (Machine,), {"rig": rig})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A migrated database of its own, and a place for files."""
    var = tmp_path_factory.mktemp("var")
    with own_database() as url:
        yield url, var


def test_every_promise_is_kept_whatever_dies(migrated: tuple[str, Path]) -> None:
    with Rig(*migrated) as rig:
        _explore(rig)
        reached = dict(rig.counts)
    sys.stdout.write(f"\n{json.dumps(reached)}\n")  # shown with -s
    missed = {name for name, least in ENOUGH.items() if reached.get(name, 0) < least}
    assert not missed, f"too seldom: {missed} of {reached}"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.name)
def test_the_machine_finds_a_defect_in_the_commands(
    migrated: tuple[str, Path], defect: Defect
) -> None:
    with Rig(*migrated, defect) as rig, pytest.raises((AssertionError, Flaky)) as caught:
        _explore(rig)
    sys.stdout.write(f"\n{defect.name}: {str(caught.value).splitlines()[0]}\n")
