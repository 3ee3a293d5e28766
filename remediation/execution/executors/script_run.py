"""Runs one verb of one signed script: argv only, JSON on stdin, nothing of our environment."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remediation.execution.base import ExecutorError

_LAUNCHER = Path(__file__).resolve().parents[1] / "hostside" / "launch.py"
_MOST_OUTPUT = 64 * 1024


class NotStarted(ExecutorError):
    """Certainly nothing of the script ran."""


@dataclass(frozen=True)
class Limits:
    limit_s: float
    memory_mb: int


@dataclass(frozen=True)
class Ended:
    """How a run ended. `code` is None when it was killed, by its limit or otherwise."""

    code: int | None
    output: bytes
    error: str

    def told(self) -> dict[str, Any]:
        """Its answer. Raises `ExecutorError` when it is no JSON object, or too long."""
        if len(self.output) > _MOST_OUTPUT:
            msg = "the script answered too much"
            raise ExecutorError(msg)
        try:
            said = json.loads(self.output or b"{}")
        except ValueError:
            said = None
        if not isinstance(said, dict):
            msg = "the script's answer is no JSON object"
            raise ExecutorError(msg)
        return said


def run(
    content: bytes, verb: str, asked: Mapping[str, Any], *, limits: Limits, deadline: float
) -> Ended:
    """Run these bytes with `--verb` and end the whole process group. Raises `NotStarted`.

    They are run from a copy only we can write, so nobody exchanges them after they were checked.
    """
    place = Path(tempfile.mkdtemp(prefix="airra-script-"))
    try:
        script = place / "script"
        script.write_bytes(content)
        script.chmod(0o500)
        (place / "in").write_text(json.dumps(asked), encoding="utf-8")
        return _run(place, script, verb, limits=limits, deadline=deadline)
    except OSError as error:
        msg = f"the script cannot be started: {error}"
        raise NotStarted(msg) from error
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(place: Path, script: Path, verb: str, *, limits: Limits, deadline: float) -> Ended:
    told = {"deadline": deadline, "limit_s": limits.limit_s, "memory_mb": limits.memory_mb}
    with (
        (place / "in").open("rb") as stdin,
        (place / "out").open("wb") as stdout,
        (place / "err").open("wb") as stderr,
    ):
        running = subprocess.Popen(  # noqa: S603 - the script whose signature was checked
            [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(told), str(script), verb],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd=place,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "HOME": str(place),
                "TMPDIR": str(place),
            },
            start_new_session=True,
        )
        _end(running, limits.limit_s)
    error = _head(place / "err", 2000).decode(errors="replace")
    code = running.returncode
    return Ended(
        code=code if code >= 0 else None,
        output=_head(place / "out", _MOST_OUTPUT + 1),
        error=" ".join(error.split())[:200],
    )


def _end(running: "subprocess.Popen[bytes]", limit_s: float) -> None:
    """Wait for it, no longer than it may take; then kill it with all it has started.

    It is reaped last: until then nobody else can get its process group's number.
    """
    watch = os.pidfd_open(running.pid)
    try:
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        poll.poll(limit_s * 1000)
    finally:
        os.close(watch)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        return file.read(size)
