"""Names for what JSON can hold."""

from typing import TypeAlias

JSONValue: TypeAlias = (
    "str | int | float | bool | None | list[JSONValue] | dict[str, JSONValue]"
)
JSONObject: TypeAlias = "dict[str, JSONValue]"
