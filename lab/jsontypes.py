"""The JSON edge: the one place where `Any` gets a name."""

from typing import Any

JSON = dict[str, Any]
