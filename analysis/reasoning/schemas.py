"""JSON schemas in the subset that both vendors hold a model to: closed objects, no bounds.

Bounds and formats are left out of what is sent and checked here, by pydantic, when it comes back.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

_KEPT = frozenset({"type", "description", "enum", "const", "$ref"})


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of `model`: every property required, nothing more allowed, the same each time."""
    return _strict(model.model_json_schema())


def _strict(given: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in given.items() if key in _KEPT}
    if "anyOf" in given:
        made["anyOf"] = [_strict(part) for part in given["anyOf"]]
    if "items" in given:
        made["items"] = _strict(given["items"])
    if "properties" in given:
        properties = {name: _strict(part) for name, part in given["properties"].items()}
        made |= {
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    if "$defs" in given:
        made["$defs"] = {name: _strict(part) for name, part in given["$defs"].items()}
    return made
