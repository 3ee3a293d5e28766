"""The tables `kubectl get -o wide` prints, as rows of named cells."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, str]

_GAP = re.compile(r"\S+(?: \S+)*")  # words apart by one space are one header or one cell
_HEADER = re.compile(
    r"^(NAMESPACE\s+)?(NAME|LAST SEEN)(\s{2,}\S|$)|^\S+(\t\S+)+$|^NAME(\s[A-Z()-]+)+$"
)


def rows(value: Any) -> list[dict[str, str]]:
    """Rows of a table given as text, as lines, or as a list of objects; header words upper case."""
    if isinstance(value, str):
        return _rows_of_text(value.splitlines())
    if isinstance(value, Mapping):
        columns = value.get("columns", value.get("headers"))
        if isinstance(columns, list) and isinstance(value.get("rows"), list):
            return [
                _row(dict(zip(map(str, columns), row, strict=False)))
                for row in value["rows"]
                if isinstance(row, list)
            ]
        named = [{"NAME": str(k), **v} for k, v in value.items() if isinstance(v, Mapping)]
        return [_row(item) for item in named]
    if isinstance(value, Sequence):
        if all(isinstance(item, str) for item in value):
            return _rows_of_text([str(item) for item in value])
        return [_row(item) for item in value if isinstance(item, Mapping)]
    return []


def _row(item: Mapping[str, Any]) -> dict[str, str]:
    return {
        re.sub(r"[_\s]+", " ", str(k)).strip().upper(): str(v)
        for k, v in item.items()
        if isinstance(v, str | int | float)
    }


def _rows_of_text(lines: Iterable[str]) -> list[dict[str, str]]:
    """Several tables may follow each other: `kubectl get a,b` prints each with its header."""
    found: list[dict[str, str]] = []
    header: list[tuple[str, int]] = []
    for line in lines:
        text = line.rstrip()
        if not text:
            continue
        plain = re.sub(r"\(\w+\)", "", text)  # `kubectl top` prints CPU(cores)
        if _HEADER.match(plain) and plain == plain.upper():
            header = _header(text.upper())
        elif header:
            found.append(_cells(text, header))
    return found


def _header(text: str) -> list[tuple[str, int]]:
    if "\t" not in text and "  " not in text:
        return [(m.group(), m.start()) for m in re.finditer(r"\S+", text)]
    pattern = re.compile(r"[^\t]+") if "\t" in text else _GAP
    return [(m.group().strip(), m.start()) for m in pattern.finditer(text)]


def _cells(text: str, header: Sequence[tuple[str, int]]) -> dict[str, str]:
    """By the columns of the header where the row keeps to them, else by its gaps."""
    if "\t" in text:
        return dict(zip((h for h, _ in header), map(str.strip, text.split("\t")), strict=False))
    starts = [start for _, start in header]
    if all(s == 0 or s > len(text) or text[s - 1] == " " for s in starts):
        ends = [*starts[1:], None]
        cells = [text[s:e].strip() for s, e in zip(starts, ends, strict=True)]
    else:
        last = len(header) - 1
        cells = re.split(r"\s{2,}", text.strip(), maxsplit=last)
        if len(cells) < len(header) and "  " not in text.strip():
            cells = text.split(maxsplit=last)
    return dict(zip((h for h, _ in header), cells, strict=False))
