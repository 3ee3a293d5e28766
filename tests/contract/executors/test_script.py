"""What only runbook scripts have: signed bytes, a bound process, exit codes with a meaning."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from remediation.execution.base import ExecutorError, NothingToActOn
from remediation.execution.executors.script_run import Limits, run
from remediation.types import ActionRequest, Applied, Fidelity, Probe, Reversibility
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_script import SignedScript


@pytest.fixture
def rig() -> Iterator[SignedScript]:
    with SignedScript() as rig:
        yield rig


def run_of(name: str, **args: Any) -> ActionRequest:
    return ActionRequest("run_script", "payments", {"script": name, "args": args})


def say(body: str) -> str:
    head = "#!/usr/bin/env python3\nimport json, os, sys, time\nasked = json.load(sys.stdin)\n"
    return f"{head}{body}\n"


@pytest.mark.parametrize("what", ["set_limit.py", "manifest.json", "manifest.sig"])
def test_a_changed_byte_is_refused_even_after_the_approval(rig: SignedScript, what: str) -> None:
    planned = rig.executor().plan(aimed(rig, "run_script"))
    path = rig.directory / what
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    effect = rig.executor().apply(planned, attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert "signed" in effect.error
    for asks in (rig.executor().plan, rig.executor().resolve):
        with pytest.raises(ExecutorError, match="signed"):
            asks(rig.request("run_script"))
    assert rig.now()["limit"] == 10


def test_a_manifest_signed_by_somebody_else_is_refused(rig: SignedScript) -> None:
    with SignedScript() as other:
        executor = rig.executor(public_key=other.public_key)
        with pytest.raises(ExecutorError, match="not signed by the key of this endpoint"):
            executor.plan(rig.request("run_script"))


def test_a_newer_script_is_another_than_the_approved_one(rig: SignedScript) -> None:
    planned = rig.executor().plan(aimed(rig, "run_script"))
    entry = rig.entries["set_limit"]
    text = (rig.directory / "set_limit.py").read_text() + "# newer\n"
    said = {name: entry[name] for name in entry if name not in {"file", "sha256"}}
    rig.add("set_limit", text, **said)
    effect = rig.executor().apply(planned, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)


def test_a_link_is_no_script(rig: SignedScript) -> None:
    path = rig.directory / "set_limit.py"
    path.rename(rig.directory / "elsewhere.py")
    path.symlink_to(rig.directory / "elsewhere.py")
    with pytest.raises(ExecutorError, match="is a link"):
        rig.executor().plan(rig.request("run_script"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({}, "argument limit is missing"),
        ({"limit": 0}, "is not between 1 and 1000"),
        ({"limit": 1001}, "is not between 1 and 1000"),
        ({"limit": "5"}, "is not a integer"),
        ({"limit": True}, "is not a integer"),
        ({"limit": 5.0}, "is not a integer"),
        ({"limit": 5, "force": True}, "takes no argument force"),
    ],
)
def test_arguments_are_those_of_the_manifest(
    rig: SignedScript, args: dict[str, Any], said: str
) -> None:
    with pytest.raises(ExecutorError, match=said):
        rig.executor().plan(run_of("set_limit", **args))


@pytest.mark.parametrize("text", ["a; touch x", "$(id)", "--undo", "a\nb", "c", "`id`"])
def test_a_text_is_only_ever_data(rig: SignedScript, text: str) -> None:
    rig.add("pick", say("pass"), parameters={"colour": {"type": "string", "pattern": "[ab]"}})
    with pytest.raises(ExecutorError, match="argument colour"):
        rig.executor().plan(run_of("pick", colour=text))


@pytest.mark.parametrize(
    "parameter",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 1},
        {"type": "object"},
        {"type": "string", "pattern": "("},
    ],
)
def test_a_manifest_bounds_every_argument(rig: SignedScript, parameter: dict[str, Any]) -> None:
    rig.add("loose", say("pass"), parameters={"x": parameter})
    with pytest.raises(ExecutorError, match="the manifest is wrong at scripts"):
        rig.executor().plan(run_of("loose", x="a"))


@pytest.mark.parametrize(
    "said", [{"reversibility": "irreversible"}, {"reversibility": "exact_undo"}]
)
def test_a_manifest_does_not_promise_what_is_not_there(
    rig: SignedScript, said: dict[str, Any]
) -> None:
    rig.add("loose", say("pass"), **said)
    with pytest.raises(ExecutorError, match="the manifest is wrong"):
        rig.executor().plan(run_of("loose"))


def plain(rig: SignedScript, body: str, **said: Any) -> tuple[Any, Any]:
    """A script without --check: its executor and its plan."""
    rig.add("plain", say(body), **said)
    executor = rig.executor()
    return executor, executor.plan(run_of("plain"))


@pytest.mark.parametrize(
    ("body", "applied", "said"),
    [
        ("pass", Applied.APPLIED, ""),
        ("sys.exit(3)", Applied.NOT_APPLIED, "nothing to do"),
        ("sys.stderr.write('not today'); sys.exit(4)", Applied.NOT_APPLIED, "refused: not today"),
        ("sys.exit(1)", Applied.UNKNOWN, "ended with 1"),
        ("raise OSError('x')", Applied.UNKNOWN, "ended with 1"),
        ("os.kill(os.getpid(), 9)", Applied.UNKNOWN, "was killed"),
        ("print('not json')", Applied.UNKNOWN, "cannot be read"),
        ("print(json.dumps({'version': 'x' * 100}))", Applied.UNKNOWN, "cannot be read"),
        ("print('[' * 100000)", Applied.UNKNOWN, "cannot be read"),
    ],
)
def test_exit_codes_mean_what_the_contract_says(
    rig: SignedScript, body: str, applied: Applied, said: str
) -> None:
    executor, planned = plain(rig, body)
    effect = executor.apply(planned, attempt())
    assert effect.applied is applied
    assert said in effect.error
    assert executor.probe(planned, attempt())[0] is Probe.CANNOT_TELL


def test_a_script_without_a_check_says_that_nobody_knows(rig: SignedScript) -> None:
    _, planned = plain(rig, "pass")
    assert planned.fidelity is Fidelity.DESCRIBED
    assert planned.undo is None
    assert planned.reversibility is Reversibility.COMPENSABLE
    assert [check.name for check in planned.checks if not check.ok] == ["script's own check"]


def test_the_script_sees_nothing_of_our_environment(
    rig: SignedScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_KEY", "ours")
    seen = rig.place / "seen.json"
    body = (
        "import resource\n"
        "status = open('/proc/self/status').read()\n"
        "told = {'env': dict(os.environ), 'argv': sys.argv[1:], 'asked': asked,\n"
        " 'memory': resource.getrlimit(resource.RLIMIT_AS)[0],\n"
        " 'fds': len(os.listdir('/proc/self/fd')),\n"
        " 'sid': os.getsid(0) == os.getpid(), 'nnp': 'NoNewPrivs:\\t1' in status}\n"
        f"open({str(seen)!r}, 'w').write(json.dumps(told))"
    )
    executor, planned = plain(rig, body)
    once = attempt()
    assert executor.apply(planned, once).applied is Applied.APPLIED
    told = json.loads(seen.read_text())
    assert set(told["env"]) <= {"PATH", "LANG", "HOME", "TMPDIR", "LC_CTYPE"}
    assert "ours" not in json.dumps(told)
    assert told["argv"] == ["--apply"]
    assert told["asked"]["key"] == once.key
    assert told["asked"]["secret"] == "of-the-script"
    assert (told["memory"], told["sid"], told["nnp"]) == (512 * 1024 * 1024, True, True)
    assert told["fds"] <= 4, "stdin, stdout, stderr and the listing itself"


def test_what_it_starts_ends_with_it(rig: SignedScript) -> None:
    """A child in the background is killed, whether the script ends well or too late."""
    left = rig.place / "left"
    body = f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 1; touch {left}'])"
    executor, planned = plain(rig, body)
    before = time.monotonic()
    assert executor.apply(planned, attempt()).applied is Applied.APPLIED
    slow = rig.executor(timeout_s=0.5)
    rig.add("plain", say(body + "; time.sleep(60)"))
    effect = slow.apply(slow.plan(run_of("plain")), attempt())
    assert (effect.applied, "was killed" in effect.error) == (Applied.UNKNOWN, True)
    assert time.monotonic() - before < 30
    again, planned = plain(rig, "time.sleep(1.5)")
    again.apply(planned, attempt())  # longer than a survivor would have needed
    assert not left.exists()


def test_it_does_not_begin_after_the_lease(rig: SignedScript) -> None:
    """The launcher itself looks again: a worker that was held up starts nothing late."""
    mark = rig.place / "mark"
    content = say(f"open({str(mark)!r}, 'w')").encode()
    ended = run(content, "--apply", {}, limits=Limits(5, 512), deadline=time.time() - 1)
    assert (ended.code, "too late" in ended.error) == (4, True)
    assert not mark.exists()


@pytest.mark.parametrize(
    "body", ["print(json.dumps({'version': '1'}))", "print('x')", "sys.exit(9)", "time.sleep(60)"]
)
def test_a_check_that_breaks_the_contract_is_no_dry_run(rig: SignedScript, body: str) -> None:
    rig.add("bad", say(body), can_check=True)
    with pytest.raises(ExecutorError):
        rig.executor(timeout_s=1).plan(run_of("bad"))


def test_nothing_to_do_is_not_a_plan(rig: SignedScript) -> None:
    with pytest.raises(NothingToActOn, match="finds nothing to do"):
        rig.executor().plan(run_of("set_limit", limit=10))


@pytest.mark.parametrize("url", ["https://x/y", "file://host/dir", "file:relative", ""])
def test_only_a_local_directory_is_an_address(rig: SignedScript, url: str) -> None:
    with pytest.raises(ExecutorError, match="file:///directory"):
        rig.at(url).describe("payments")


def test_an_undo_that_is_not_there_is_not_run(rig: SignedScript) -> None:
    executor, planned = plain(rig, "pass")
    request = replace(planned.request, params={**planned.request.params, "undo": True})
    effect = executor.apply(replace(planned, request=request), attempt())
    assert (effect.applied, effect.error) == (Applied.NOT_APPLIED, "the script has no undo")
