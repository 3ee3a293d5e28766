"""Which executor speaks to which kind of target. Only the executor process asks for one.

Each kind is a module of `executors` with `Options` (pydantic, what an admin may set), `GUARANTEES`
and `connect`. They are imported when first needed: some bring large libraries.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from remediation.execution.base import Connection, Executor, Guarantees
from remediation.execution.options import BadOptions, checked
from remediation.types import ExecutorKind

__all__ = ["KINDS", "BadOptions", "checked_options", "executor", "guarantees"]

_MODULES = {
    ExecutorKind.WEBHOOK: "webhook",
    ExecutorKind.KUBERNETES: "kubernetes",
    ExecutorKind.DOCKER: "docker",
    ExecutorKind.SYSTEMD: "systemd",
    ExecutorKind.POSTGRES: "postgres",
    ExecutorKind.HAPROXY: "haproxy",
    ExecutorKind.SCRIPT: "script",
}
KINDS = tuple(_MODULES)


def _module(kind: ExecutorKind) -> Any:
    return import_module(f"remediation.execution.executors.{_MODULES[kind]}")


def executor(kind: ExecutorKind, connection: Connection) -> Executor:
    """Raises `BadOptions` when the options are not this kind's."""
    checked_options(kind, connection.options)
    built: Executor = _module(kind).connect(connection)
    return built


def guarantees(kind: ExecutorKind) -> Guarantees:
    promised: Guarantees = _module(kind).GUARANTEES
    return promised


def checked_options(kind: ExecutorKind, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as they are stored. Raises `BadOptions`."""
    model: type[BaseModel] = _module(kind).Options
    return checked(model, options)
