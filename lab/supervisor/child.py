"""A child process that is told things on stdin and tells things on stdout, both as lines."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable
from typing import Final

from lab.jsontypes import JSON

LINE_LIMIT: Final = 1 << 20


class Child:
    """`python -m <module>`, born with a bundle. It ends itself when our end of stdin closes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, module: str, bundle: JSON) -> "Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module,
            stdin=PIPE, stdout=PIPE, stderr=STDOUT, limit=LINE_LIMIT, start_new_session=True,
        )  # fmt: skip
        child = cls(process)
        child.tell(bundle)
        return child

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    def tell(self, message: JSON) -> None:
        """Send one message; a child that is already gone hears nothing."""
        stdin = self._process.stdin
        if stdin is not None and not stdin.is_closing() and self.is_alive:
            stdin.write(json.dumps(message).encode() + b"\n")

    async def follow(self, on_line: Callable[[str], None]) -> int:
        """Hand over every line until the process ends; returns its exit code."""
        assert self._process.stdout is not None  # noqa: S101 - started with a pipe
        while line := await self._process.stdout.readline():
            on_line(line.decode(errors="replace").rstrip("\n"))
        return await self._process.wait()

    def terminate(self) -> None:
        if self.is_alive:
            self._process.terminate()

    def kill(self) -> None:
        if self.is_alive:
            self._process.kill()
