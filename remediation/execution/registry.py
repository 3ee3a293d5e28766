"""Which executor speaks to which kind of target. Only the executor process asks for one.

Each kind is a module of `executors` with `Options` (pydantic, what an admin may set), `GUARANTEES`
and `connect`. They are imported when first needed: some bring large libraries.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ValidationError

from remediation.execution.base import Connection, Executor, Guarantees
from remediation.types import ExecutorKind

_MODULES = {
    ExecutorKind.WEBHOOK: "webhook",
    ExecutorKind.KUBERNETES: "kubernetes",
}
KINDS = tuple(_MODULES)


class BadOptions(ValueError):
    """Not what this kind of endpoint takes; the message names the field."""


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
    try:
        return model.model_validate(dict(options)).model_dump(mode="json", exclude_defaults=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        msg = f"{where}: {first['msg']}"
        raise BadOptions(msg) from error
