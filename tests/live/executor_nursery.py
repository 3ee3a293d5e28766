"""Loads AIRRA once and forks a fresh worker for every line it reads: `python -m … PORT [DEFECT]`.

A start takes seconds and a fork takes milliseconds, and the state machine kills many workers. The
defect is a JSON list of module, right source and wrong source: the module is loaded with it.
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import CodeType, ModuleType

import django
from celery import current_app


class _Defective(importlib.machinery.SourceFileLoader):
    """The module as its file has it, but for one place."""

    def __init__(self, name: str, path: str, right: str, wrong: str) -> None:
        super().__init__(name, path)
        self._right, self._wrong = right, wrong

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_source(fullname) or ""
        if source.count(self._right) != 1:
            msg = f"{fullname} has not exactly once: {self._right}"
            raise ImportError(msg)
        return compile(source.replace(self._right, self._wrong), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, right: str, wrong: str) -> None:
        self._module, self._defect = module, (right, wrong)
        self.is_used = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            spec.loader = _Defective(fullname, spec.origin, *self._defect)
            self.is_used = True
        return spec


def main() -> None:
    port = int(sys.argv[1])
    finder = _Finder(*json.loads(sys.argv[2])) if len(sys.argv) > 2 else None
    if finder is not None:
        sys.meta_path.insert(0, finder)
    django.setup()
    worker = importlib.import_module("tests.live.executor_worker")  # it needs the apps
    current_app.loader.import_default_modules()  # the jobs of all apps: once, and not in each fork
    current_app.finalize()
    if finder is not None and not finder.is_used:
        sys.exit("the module with the defect was not loaded")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        if os.fork() == 0:
            with suppress(SystemExit, ConnectionError):
                worker.serve(port)
            os._exit(0)


if __name__ == "__main__":
    main()
