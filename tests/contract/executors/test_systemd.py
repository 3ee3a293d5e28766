"""What only the SSH way has: a pinned host, and a forced command that does nothing else."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncssh
import pytest

from remediation.execution.base import Connection, ExecutorError, UnknownService
from remediation.execution.executors import systemd
from remediation.execution.hostside import airra_exec
from remediation.types import ActionRequest, Applied, Probe
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_systemd import PROGRAM, SYSTEMCTL, UNIT, RealSshd

live = pytest.mark.live


@pytest.fixture
def rig() -> Iterator[RealSshd]:
    with RealSshd() as rig:
        yield rig


@live
def test_a_restart_gives_the_unit_a_new_process(rig: RealSshd) -> None:
    before = rig.unit()
    planned = rig.executor().plan(aimed(rig, "restart"))
    effect = rig.executor().apply(planned, attempt())
    assert effect.applied is Applied.APPLIED, effect.error
    after = rig.unit()
    assert (before["MainPID"], before["InvocationID"]) != (after["MainPID"], after["InvocationID"])
    assert effect.answer["target"]["version"].startswith(after["InvocationID"])


@live
def test_another_host_key_than_the_pinned_one_is_no_host(rig: RealSshd) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    executor = rig.executor(host_key=other)
    with pytest.raises(ExecutorError, match="no connection to the host"):
        executor.plan(rig.request("restart"))


@live
def test_a_key_that_is_not_installed_gets_nowhere(rig: RealSshd) -> None:
    with pytest.raises(ExecutorError, match="no connection to the host"):
        rig.at(asyncssh.generate_private_key("ssh-ed25519")).describe("payments")


@live
def test_the_key_runs_nothing_else_on_the_host(rig: RealSshd, tmp_path: Path) -> None:
    """Whatever command is asked for, the forced one runs, and without a request it refuses."""
    identity = tmp_path / "key"
    rig.key.write_private_key(str(identity))
    identity.chmod(0o600)
    mark = tmp_path / "mark"
    run = subprocess.run(
        [
            "/usr/bin/ssh", "-F", "none", "-o", "StrictHostKeyChecking=no", "-o",
            "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-i", identity, "-p",
            str(rig.port), "127.0.0.1", f"touch {mark}",
        ],
        input="{}", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 4
    assert json.loads(run.stdout)["error"] == "there is no such verb"
    assert not mark.exists()


@live
@pytest.mark.parametrize(
    ("service", "said"), [("gone", "has no unit"), ("other", "not in this key")]
)
def test_a_unit_that_is_not_there_or_not_listed(rig: RealSshd, service: str, said: str) -> None:
    with pytest.raises(ExecutorError, match=said):
        rig.executor().plan(ActionRequest("restart", service))


@live
def test_what_systemd_refuses_has_not_happened(rig: RealSshd) -> None:
    planned = rig.executor().plan(aimed(rig, "restart"))
    (rig.units / "denied").touch()
    once = attempt()
    effect = rig.executor().apply(planned, once)
    assert effect.applied is Applied.NOT_APPLIED
    assert "Access denied" in effect.error
    assert rig.executor().probe(planned, once)[0] is Probe.ABSENT


def make(**said: Any) -> systemd.SystemdExecutor:
    options = {"host_key": "ssh-ed25519 AAAA", "units": {"payments": UNIT}}
    return systemd.connect(Connection(**{
        "url": "ssh://airra@127.0.0.1:9", "secret": "no key", "timeout_s": 2, "options": options,
        **said,
    }))  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"url": "ssh://127.0.0.1"}, {"url": "http://a@b"}])
def test_a_wrong_key_or_address_is_certainly_nothing_sent(said: dict[str, Any]) -> None:
    with pytest.raises(ExecutorError, match="no connection to the host"):
        make(**said).describe("payments")
    with pytest.raises(UnknownService):
        make(**said).describe("orders")


# -- the program on the host ---------------------------------------------------------------------


class Host:
    """The forced command without SSH, on units of its own."""

    def __init__(self, place: Path) -> None:
        self.units, self.used = place / "units", place / "used"
        for directory in (self.units, self.used):
            directory.mkdir()
        self.program = place / "systemctl"
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} {self.units} "$@"\n')
        self.program.chmod(0o755)
        self.unit = {
            "Id": UNIT, "LoadState": "loaded", "ActiveState": "active", "InvocationID": "a" * 32,
            "StateChangeTimestampMonotonic": "7", "CanReload": "yes", "StartLimitBurst": "3",
            "StartLimitIntervalUSec": "1min 30s", "RequiredBy": "web.service multi-user.target",
            "Reloads": 0, "MainPID": 2**22 + 1,
        }  # fmt: skip
        (self.units / f"{UNIT}.json").write_text(json.dumps(self.unit))

    def ask(self, said: object, *flags: str, units: str = UNIT) -> tuple[int, dict[str, Any]]:
        run = subprocess.run(
            [sys.executable, PROGRAM, "--units", units, "--state", self.used, "--systemctl",
             self.program, *flags],
            input=said if isinstance(said, str) else json.dumps(said),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return run.returncode, json.loads(run.stdout)

    def reloads(self) -> int:
        return int(json.loads((self.units / f"{UNIT}.json").read_text())["Reloads"])

    def reload(self, **said: Any) -> dict[str, Any]:
        now = time.time()
        return {
            "verb": "reload", "unit": UNIT, "key": str(uuid4()), "issued_at": now,
            "deadline": now + 60, "expected": f"{'a' * 32}/7", **said,
        }  # fmt: skip


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.mark.parametrize(
    "unit",
    [
        "payments.service;id", "payments .service", "payments.service\n", "\npayments.service",
        "--force", "-H root@other", "--root=/x.service", "../payments.service", "payments",
        "payments.timer", "$(id).service", "`id`.service", "payments.service sshd.service", "",
        "*.service", "other.service", None, 7, ["payments.service"], {"a": 1},
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["restart", "reload", "describe", "dry-run", "status", "probe"])
def test_no_word_becomes_an_option_or_another_unit(host: Host, verb: str, unit: Any) -> None:
    asked = {**host.reload(), "verb": verb, "unit": unit}
    status, told = host.ask(asked)
    assert status == 4
    assert "unit that may be touched" in told["error"] or "not in this key's list" in told["error"]
    assert host.reloads() == 0
    assert list(host.used.glob("*.json")) == []


@pytest.mark.parametrize(
    "unit",
    ["ssh.service", "sshd.service", "ssh@1.service", "systemd-logind.service", "dbus.service",
     "networking.service", "network-manager.service", "NetworkManager.service"],
)  # fmt: skip
def test_what_the_host_is_reached_by_is_never_touched(host: Host, unit: str) -> None:
    """Not even when an operator lists it."""
    status, told = host.ask({**host.reload(), "unit": unit}, units=f"{UNIT},{unit}")
    assert (status, told["error"]) == (4, "that is no unit that may be touched")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"verb": "stop"}, "no such verb"),
        ({"verb": ["reload"]}, "no such verb"),
        ({"key": "short"}, "no key"),
        ({"key": "../../etc/cron.d/x"}, "no key"),
        ({"key": None}, "no key"),
        ({"issued_at": "now"}, "when it was issued"),
        ({"issued_at": None}, "when it was issued"),
        ({"deadline": True}, "when it was issued"),
        ({"issued_at": 0}, "too late"),
        ({"deadline": 1}, "too late"),
        ({"issued_at": 9e12}, "too late"),
        ({"issued_at": float("nan")}, "too late"),
        ({"expected": "b/7"}, "not as it was planned"),
        ({"expected": None}, "not as it was planned"),
    ],
)
def test_what_is_old_or_odd_is_refused(host: Host, said: dict[str, Any], reason: str) -> None:
    status, told = host.ask(host.reload(**said))
    assert status == 4
    assert reason in told["error"]
    assert told["moved"] is ("planned" in reason)
    assert host.reloads() == 0


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '{"verb": "' + "x" * 5000 + '"}'])
def test_what_is_no_request_is_refused(host: Host, text: str) -> None:
    status, told = host.ask(text)
    assert status in {1, 4}
    assert told["error"]


def test_a_key_acts_once_and_the_answer_is_kept(host: Host) -> None:
    asked = host.reload()
    first, again = host.ask(asked), host.ask(asked)
    assert first == again
    assert first[1]["state"] == "applied"
    assert host.reloads() == 1
    late = host.ask({**asked, "issued_at": 0})
    assert late == first, "a used key is answered, however late"
    assert host.ask({"verb": "probe", "unit": UNIT, "key": asked["key"]}) == first


def test_a_change_that_died_half_way_is_never_begun_again(host: Host) -> None:
    asked = host.reload()
    begun = {"unit": UNIT, "verb": "reload", "at": time.time(), "state": "begun"}
    (host.used / f"{asked['key']}.json").write_text(json.dumps(begun))
    assert host.ask(asked)[1]["state"] == "begun"
    assert host.reloads() == 0


def test_two_changes_of_a_unit_do_not_overlap(host: Host) -> None:
    program = airra_exec.Host(airra_exec.arguments(["--units", UNIT, "--state", str(host.used)]))
    with program.alone(UNIT):
        status, told = host.ask(host.reload())
    assert (status, told["error"]) == (4, "another change of this unit is running")


def test_a_plan_is_told_what_hangs_on_the_unit_and_which_starts_are_left(host: Host) -> None:
    _, told = host.ask({"verb": "dry-run", "unit": UNIT})
    assert told["dependants"] == ["web.service"], "targets are not restarted"
    assert (told["burst"], told["starts"]) == (3, 0)
    now = time.time()
    for number, (verb, at) in enumerate(
        [("restart", now), ("restart", now - 60), ("restart", now - 600), ("reload", now)]
    ):
        kept = {"unit": UNIT, "verb": verb, "at": at}
        (host.used / f"{number:08}.json").write_text(json.dumps(kept))
    assert host.ask({"verb": "dry-run", "unit": UNIT})[1]["starts"] == 2


def test_a_read_only_key_looks_and_does_nothing(host: Host) -> None:
    assert host.ask({"verb": "status", "unit": UNIT}, "--read-only")[0] == 0
    assert host.ask(host.reload(), "--read-only") == (
        4, {"error": "this key is read-only", "moved": False},
    )  # fmt: skip


def unit(**said: Any) -> Any:
    fields = {
        "unit": UNIT, "load": "loaded", "active": "active", "invocation": "a", "version": "a/1",
        "can_reload": True, "may_stop": True, "dependants": (), "burst": 5, "starts": 0, **said,
    }  # fmt: skip
    return systemd._Unit(**fields)


@pytest.mark.parametrize(
    ("action", "said", "name", "is_fatal"),
    [
        ("restart", {"load": "masked"}, "unit is loaded", True),
        ("restart", {"active": "activating"}, "unit is settled", True),
        ("restart", {"may_stop": False}, "unit may be stopped", True),
        ("restart", {"starts": 5}, "starts left", True),
        ("restart", {"dependants": ("web.service",)}, "dependants", False),
        ("reload", {"can_reload": False}, "unit can reload", True),
        ("reload", {"active": "failed"}, "unit can reload", True),
    ],
)
def test_each_check_can_fail(action: str, said: dict[str, Any], name: str, is_fatal: bool) -> None:
    assert all(check.ok for check in systemd._checks(action, unit()))
    (failed,) = [check for check in systemd._checks(action, unit(**said)) if not check.ok]
    assert (failed.name, failed.is_fatal) == (name, is_fatal)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("1min 30s", 90), ("500ms", 0.5), ("infinity", 0), ("", 0)]
)
def test_spans_are_read_as_systemctl_prints_them(text: str, seconds: float) -> None:
    assert airra_exec.span_s(text) == pytest.approx(seconds)


@live
def test_the_wrong_answer_is_not_taken_for_ours(rig: RealSshd) -> None:
    planned = rig.executor().plan(aimed(rig, "restart"))
    once = attempt()
    kept = {"unit": UNIT, "verb": "reload", "at": time.time(), "state": "applied"}
    (rig.used / f"{once.key}.json").write_text(json.dumps(kept))
    effect = rig.executor().apply(replace(planned), once)
    assert (effect.applied, effect.error) == (Applied.UNKNOWN, "the answer is for another change")
