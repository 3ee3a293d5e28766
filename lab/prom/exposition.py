"""The Prometheus text format, read and written."""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from lab.prom.tsdb import NAME, Database, Series

_LABEL: Final = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_ESCAPES: Final = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
_SUFFIXES: Final = ("_bucket", "_sum", "_count")


def parse_identity(text: str) -> tuple[str, dict[str, str]]:
    """Split `name{label="value"}` into name and labels."""
    name, _, inside = text.partition("{")
    labels = {key: _unescape(value) for key, value in _LABEL.findall(inside)}
    return name, labels


def render(database: Database, *, with_timestamps: bool) -> str:
    """Every live series with its newest value, grouped by metric family."""
    families: dict[str, list[Series]] = {}
    for series in database.all():
        if series.is_live:
            families.setdefault(_family(dict(series.labels)[NAME], database), []).append(series)
    lines: list[str] = []
    for family in sorted(families):
        lines.append(f"# TYPE {family} {database.types.get(family, 'untyped')}")
        lines.extend(_line(series, with_timestamp=with_timestamps) for series in families[family])
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """A float as Go prints it with 'f' and the least digits: no exponent, `+Inf`, `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value) and abs(value) < 1e15:
        return "-0" if value == 0 and math.copysign(1, value) < 0 else str(int(value))
    text = repr(value)
    return f"{Decimal(text):f}" if "e" in text else text


def types_in(lines: Iterable[str]) -> dict[str, str]:
    """The families and their types, from the `# TYPE` lines."""
    found: dict[str, str] = {}
    for line in lines:
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ", 3)
            found[family] = kind
    return found


def _family(name: str, database: Database) -> str:
    for suffix in _SUFFIXES:
        base = name.removesuffix(suffix)
        if base != name and database.types.get(base) == "histogram":
            return base
    return name


def _line(series: Series, *, with_timestamp: bool) -> str:
    # Said to be empty, so that a Prometheus that honours labels does not add its own.
    labels = {"instance": "", "job": ""} | dict(series.labels)
    name = labels.pop(NAME)
    inside = ",".join(f'{key}="{_escape(value)}"' for key, value in labels.items())
    at_ms, value = series.newest()
    stamp = f" {at_ms}" if with_timestamp else ""
    return f"{name}{{{inside}}} {number(value)}{stamp}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unescape(value: str) -> str:
    if "\\" not in value:
        return value
    return re.sub(r'\\[\\"n]', lambda match: _ESCAPES[match.group()], value)
