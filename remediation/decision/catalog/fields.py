"""The parameters of an action as fields of a form, and as a JSON schema."""

from dataclasses import dataclass
from typing import Any

from remediation.decision.catalog.spec import UNLIMITED, ActionSpec, Limit, properties

_KINDS = {"integer": "integer", "number": "number", "boolean": "boolean", "object": "object"}


@dataclass(frozen=True)
class Field:
    """One parameter. `kind` is integer, number, boolean, choice, text or object (JSON)."""

    name: str
    label: str
    kind: str
    is_required: bool
    help: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    max_length: int | None = None
    initial: Any = None


def fields_of(spec: ActionSpec, limit: Limit = UNLIMITED) -> tuple[Field, ...]:
    """The fields of a form for this action, with the bounds of this workspace."""
    required = frozenset(spec.params.model_json_schema().get("required", ()))
    most = spec.maximums(limit)
    return tuple(
        _field(name, schema, is_required=name in required, maximum=most.get(name))
        for name, schema in properties(spec.params).items()
    )


def schema_of(spec: ActionSpec, limit: Limit = UNLIMITED) -> dict[str, Any]:
    """The JSON schema of the parameters, with the bounds of this workspace.

    A workspace's maximum can only add to what the catalogue's own schema asks.
    """
    schema = spec.params.model_json_schema()
    lower = {name: {"maximum": most} for name, most in spec.maximums(limit).items()}
    return {**schema, "allOf": [{"properties": lower}]} if lower else schema


def _field(name: str, schema: dict[str, Any], *, is_required: bool, maximum: float | None) -> Field:
    choices = tuple(str(choice) for choice in schema.get("enum", ()))
    kind = "choice" if choices else _KINDS.get(str(schema.get("type", "")), "text")
    return Field(
        name=name,
        label=str(schema.get("title", name)),
        kind=kind,
        is_required=is_required,
        help=str(schema.get("description", "")),
        minimum=schema.get("minimum"),
        maximum=maximum,
        choices=choices,
        pattern=str(schema.get("pattern", "")),
        max_length=schema.get("maxLength"),
        initial=schema.get("default"),
    )
